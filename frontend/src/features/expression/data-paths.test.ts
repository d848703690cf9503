import { beforeAll, describe, expect, it } from 'vitest'
import type { Described, Step } from '../../api/types'
import { setNodeTypes } from '../../app/store/session'
import { aGraph, types } from '../../shared/graph/drawing'
import { dataGroups, pillText, type Scope } from './data-paths'

const GRAPH = aGraph('!start>orders>loop,loop/price>loop/tell')
const ORDER = { type: 'object', properties: { number: { type: 'string', title: 'Number' } } }

const told = (more: Partial<Described>): Described => ({
  ports: [],
  output: null,
  before: ['start', 'orders'],
  inside: [],
  item: ORDER,
  trigger: null,
  ...more,
})
const DESCRIBED: Record<string, Described> = {
  loop: told({ inside: ['price', 'tell'] }),
  price: told({ output: { type: 'object', properties: { total: { type: 'number' } } } }),
  tell: told({ before: ['start', 'orders', 'price'] }),
}

beforeAll(() =>
  setNodeTypes(['set_values', 'for_each', 'manual_trigger'].map(name => ({ ...types(name)!, icon: name }))),
)

const paths = (node: string, scope: Scope, steps: Step[] = []) =>
  dataGroups(GRAPH, node, DESCRIBED, steps, scope, { item: { number: 'A1' }, index: 2 }).flatMap(
    group => group.paths,
  )
const names = (node: string, scope: Scope = 'step') => paths(node, scope).map(data => data.path)

describe('what a field may read', () => {
  it('in a loop is the element with its fields, and its place', () => {
    expect(names('tell').slice(0, 3)).toEqual(['item', 'item.number', 'index'])
    expect(names('tell')).toContain('steps.price.total')
    expect(paths('tell', 'step').find(data => data.path === 'item.number')?.last).toBe('A1')
  })

  it('of the loop itself knows nothing of its elements', () => {
    expect(names('loop')).not.toContain('item')
    expect(names('loop')).not.toContain('steps.price.total')
    expect(names('loop')).toContain('trigger')
  })

  it('of the loop over its body is what is known as an iteration ends', () => {
    expect(names('loop', 'body').slice(0, 4)).toEqual(['item', 'item.number', 'index', 'steps.price.total'])
  })
})

it('names the element of a loop in words', () => {
  expect(pillText(' item.order_id ', GRAPH)).toEqual({ text: 'Element › order id', known: true })
  expect(pillText('index', GRAPH).text).toBe('Number of the iteration')
})
