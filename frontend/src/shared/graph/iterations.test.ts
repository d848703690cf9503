import { describe, expect, it } from 'vitest'
import { aGraph } from './drawing'
import { iterationsOf, iterationToShow, type Told, tallyWords } from './iterations'
import { iterationsAround, pathOf } from './run-paths'

const GRAPH = aGraph('loop/a>loop/b')

const told = (text: string): Record<string, Told> =>
  Object.fromEntries(
    text.split(',').map(part => {
      const [path, status] = part.trim().split('=')
      return [path!, status === 'handled' ? { status: 'failed', ports: ['error'] } : { status: status! }]
    }),
  )

const statuses = (text: string, failed?: number[]) =>
  iterationsOf(GRAPH, told(text), failed && { loop: failed }).loop?.map(round => round.status)

describe('paths', () => {
  it('of a node go by the iterations that are looked at', () => {
    const graph = aGraph('outer/inner/x')
    const looked: Record<string, number> = { outer: 3, 'outer[3]/inner': 12 }
    expect(pathOf(graph, 'x', container => looked[container])).toBe('outer[3]/inner[12]/x')
    expect(pathOf(graph, 'outer', () => undefined)).toBe('outer')
    expect(pathOf(graph, 'x', () => undefined)).toBe(null)
  })

  it('tell the containers around a step', () => {
    expect(iterationsAround('outer[3]/inner[12]/x')).toEqual([
      { container: 'outer', index: 3 },
      { container: 'outer[3]/inner', index: 12 },
    ])
    expect(iterationsAround('x')).toEqual([])
  })
})

describe('the iterations of a container', () => {
  it('are done when every step in them is settled', () => {
    expect(
      statuses(
        'loop=running, loop[0]/a=succeeded, loop[0]/b=skipped, loop[1]/a=succeeded, loop[2]/a=waiting',
      ),
    ).toEqual(['succeeded', 'running', 'waiting'])
  })

  it('fail with a step whose failure nothing handles, or where their result could not be made', () => {
    expect(
      statuses('loop=running, loop[0]/a=failed, loop[1]/a=handled, loop[1]/b=succeeded, loop[2]/a=handled'),
    ).toEqual(['failed', 'succeeded', 'running'])
    expect(statuses('loop=succeeded, loop[0]/a=succeeded, loop[0]/b=succeeded', [0])).toEqual(['failed'])
  })

  it('that were broken off are not said to run on', () => {
    expect(
      statuses(
        'loop=failed, loop[0]/a=failed, loop[1]/a=succeeded, loop[1]/b=cancelled, loop[2]/a=succeeded',
      ),
    ).toEqual(['failed', 'cancelled', 'cancelled'])
  })

  it('of a nested container belong to one iteration around it', () => {
    const graph = aGraph('outer/inner/x')
    const found = iterationsOf(
      graph,
      told('outer=running, outer[0]/inner=succeeded, outer[0]/inner[1]/x=succeeded, outer[1]/inner=running'),
    )
    expect(found['outer[0]/inner']).toEqual([{ index: 1, status: 'succeeded' }])
    expect(found.outer?.map(round => round.status)).toEqual(['succeeded', 'running'])
  })

  it('are summed up in words, and the first that failed is shown', () => {
    const rounds = iterationsOf(
      GRAPH,
      told('loop[0]/a=succeeded, loop[0]/b=succeeded, loop[2]/a=failed, loop[1]/a=failed, loop[3]/a=running'),
    ).loop!
    expect(tallyWords(rounds, 10)).toBe('1 of 10 done, 2 failed')
    expect(tallyWords(rounds.slice(0, 1))).toBe('1 done')
    expect(iterationToShow(rounds)).toBe(1)
    expect(iterationToShow(rounds.filter(round => round.status !== 'failed'))).toBe(3)
    expect(iterationToShow([])).toBe(undefined)
  })

  it('lead to the one with a call to settle while none has failed', () => {
    const rounds = iterationsOf(GRAPH, told('loop[0]/a=unknown, loop[1]/a=running')).loop!
    expect(iterationToShow(rounds)).toBe(0)
  })

  it('may be ten thousand', () => {
    const states: Record<string, Told> = {}
    for (let index = 0; index < 10_000; index += 1) states[`loop[${index}]/a`] = { status: 'succeeded' }
    const since = performance.now()
    expect(iterationsOf(GRAPH, states).loop).toHaveLength(10_000)
    expect(performance.now() - since).toBeLessThan(500)
  })
})
