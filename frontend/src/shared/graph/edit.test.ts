import { describe, expect, it } from 'vitest'
import type { NodeType } from '../../api/types'
import { copy, paste, readClipboard } from './clipboard'
import { type Graph, noteOf } from './document'
import { aGraph, BARE, types } from './drawing'
import { addNote, connect, insertOnEdge, makeNode, remove, removeChosen, runOrder, wouldCycle } from './edit'
import { freeId, slugId } from './ids'
import { portsOf, summaryOf } from './ports'

const TYPE: NodeType = {
  ...BARE,
  name: 'llm_decision',
  title: 'Decide',
  summary: '{question}',
  ports: [
    { each: 'choices' },
    { name: 'otherwise', title: 'Otherwise' },
    { name: 'unsure', title: 'Unsure', needs: ['min_confidence', 'choices.min_confidence'] },
  ],
}

describe('connections', () => {
  it('sees that a line back would close a circle', () => {
    expect(wouldCycle(aGraph('a>b>c'), 'c', 'a')).toBe(true)
    expect(wouldCycle(aGraph('a>b,a>c'), 'b', 'c')).toBe(false)
  })

  it('joins the neighbours of a deleted step', () => {
    expect(remove(aGraph('a>b>c'), ['b'], []).edges).toEqual([{ source: 'a', port: 'out', target: 'c' }])
  })

  it('inserts a step into a line', () => {
    const graph = aGraph('a>b')
    const node = makeNode(graph, { type: TYPE, position: { x: 0, y: 0 } }, types)
    const next = insertOnEdge(graph, graph.edges[0]!, node, 'otherwise', types)
    expect(next.edges).toEqual([
      { source: 'a', port: 'out', target: 'decide' },
      { source: 'decide', port: 'otherwise', target: 'b' },
    ])
  })
})

describe('ids', () => {
  it('makes an id from a title and keeps clear of words of the language', () => {
    expect(slugId('Look up the Order!', 'x')).toBe('look_up_the_order')
    expect(freeId('Error', [], 'x')).toBe('error_2')
    expect(freeId('Order', ['order'], 'x')).toBe('order_2')
    expect(freeId('注文', [], 'mcp_tool')).toBe('mcp_tool')
  })
})

describe('copy and paste', () => {
  it('takes notes along, with ids of their own, and alone too', () => {
    const graph = addNote(addNote(aGraph('a'), { x: 8, y: 8 }), { x: 80, y: 8 })
    const pasted = paste(graph, copy(graph, ['a', 'note:note']), null, types)
    expect(pasted.ids).toEqual(['a_2', 'note:note_3'])
    expect(pasted.graph.notes.map(note => note.id)).toEqual(['note', 'note_2', 'note_3'])
    expect(pasted.graph.notes.at(-1)!.position).toEqual({ x: 48, y: 48 })

    const alone = readClipboard(JSON.stringify(copy(graph, ['note:note_2'])))!
    expect(alone.nodes).toEqual([])
    expect(paste(graph, alone, null, types).ids.map(noteOf)).toEqual(['note_2_2'])
    expect(removeChosen(graph, ['a', 'note:note'])).toMatchObject({ nodes: [], notes: [{ id: 'note_2' }] })
  })

  it('reads a step that was copied without any notes', () => {
    const text = JSON.stringify({ kind: 'workflow-steps', nodes: aGraph('a').nodes, edges: [] })
    expect(readClipboard(text)?.notes).toEqual([])
    expect(readClipboard('{"kind": "workflow-steps", "nodes": [], "edges": [], "notes": [{}]}')).toBe(null)
  })

  it('gives new ids, keeps lines among the copied and rewrites their references', () => {
    const graph = aGraph('a>b>c')
    graph.nodes[2]!.config = { text: 'Hi {{ steps.b.name }} and {{ steps.a.name }}, steps.b' }
    const pasted = paste(graph, copy(graph, ['b', 'c']), null, types)
    expect(pasted.ids).toEqual(['b_2', 'c_2'])
    expect(pasted.graph.edges.at(-1)).toEqual({ source: 'b_2', port: 'out', target: 'c_2' })
    expect(pasted.graph.nodes.at(-1)!.config.text).toBe(
      'Hi {{ steps.b_2.name }} and {{ steps.a.name }}, steps.b',
    )
  })

  it('rewrites references behind braces of the expression itself', () => {
    const graph = aGraph('a>b')
    graph.nodes[1]!.config = { value: '{{ [{"n": {"x": 1}}, steps.a.n, "}}", errors.a] }}' }
    const pasted = paste(graph, copy(graph, ['a', 'b']), null, types)
    expect(pasted.graph.nodes.at(-1)!.config.value).toBe(
      '{{ [{"n": {"x": 1}}, steps.a_2.n, "}}", errors.a_2] }}',
    )
  })
})

describe('ports', () => {
  it('draws an exit that cannot be taken only when a line uses it', () => {
    const graph = connect(aGraph('a>b'), { source: 'd', port: 'unsure', target: 'b' })
    const node = {
      id: 'd',
      type: 'llm_decision',
      version: 1,
      config: { choices: [{ id: 'yes', title: 'Yes' }] },
      position: { x: 0, y: 0 },
    }
    expect(portsOf(node, TYPE, aGraph('a>b')).map(port => port.name)).toEqual(['yes', 'otherwise', 'error'])
    expect(portsOf(node, TYPE, graph).map(port => port.name)).toEqual(['yes', 'otherwise', 'unsure', 'error'])
  })

  it('draws the exit of a step that is passed over while it is off, and as long as a line uses it', () => {
    const node = {
      id: 'd',
      type: 'llm_decision',
      version: 1,
      config: { choices: [{ id: 'yes', title: 'Yes' }] },
      position: { x: 0, y: 0 },
    }
    const names = (graph: Graph, disabled: boolean) =>
      portsOf({ ...node, settings: { disabled } }, TYPE, graph).map(port => port.name)
    expect(names(aGraph('a>b'), false)).toEqual(['yes', 'otherwise', 'error'])
    expect(names(aGraph('a>b'), true)).toEqual(['out', 'yes', 'otherwise', 'error'])
    const graph = connect(aGraph('a>b'), { source: 'd', port: 'out', target: 'b' })
    expect(names(graph, false)).toEqual(['out', 'yes', 'otherwise', 'error'])
  })

  it('says on the card what the step does', () => {
    const node = {
      id: 'd',
      type: 'llm_decision',
      version: 1,
      config: { question: 'What?' },
      position: { x: 0, y: 0 },
    }
    expect(summaryOf(node, TYPE)).toBe('What?')
    const asked = { ...node, config: { question: 'Is {{ {"a": {"b": 1}} }} so?' } }
    expect(summaryOf(asked, TYPE)).toBe('Is ‹{"a": {"b": 1}}› so?')
  })
})

it('orders steps as a run reaches them', () => {
  expect(runOrder(aGraph('d>b,!a>d'), null, types)).toEqual(['a', 'd', 'b'])
})
