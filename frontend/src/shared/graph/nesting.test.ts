import { describe, expect, it } from 'vitest'
import { copy, paste } from './clipboard'
import { nodeOf } from './document'
import { aGraph, types } from './drawing'
import { insertOnEdge, refusedLine, remove, runOrder } from './edit'
import { boxesOf, carryNotes, containerAt, makeRoom, moveBy } from './frames'
import { carryInto, placesFor, spotInside } from './inside'
import { containersAround, outermost, parentOf, putInto, refusedIn, withBodies } from './nesting'

const LOOP = '!start>loop>end,loop/a>loop/b'

/** Five loops in each other, and a step in the innermost. */
const DEEP = 'l1/l2/l3/l4/l5/x,other/y,z'

describe('what stands in what', () => {
  it('is told for every level', () => {
    const graph = aGraph(DEEP)
    expect(containersAround(graph, 'x')).toEqual(['l5', 'l4', 'l3', 'l2', 'l1'])
    expect(withBodies(graph, ['l4'])).toEqual(new Set(['l4', 'l5', 'x']))
    expect(outermost(graph, ['x', 'l3', 'z'])).toEqual(['l3', 'z'])
  })

  it('survives a document in which a loop stands in itself or in nothing', () => {
    const graph = aGraph('a/b,c')
    graph.nodes.find(node => node.id === 'a')!.parent = 'b'
    graph.nodes.find(node => node.id === 'c')!.parent = 'gone'
    expect(graph.nodes.map(node => parentOf(graph, node.id))).toEqual([null, null, null])
    expect([...boxesOf(graph, types).keys()]).toEqual(['a', 'b', 'c'])
  })

  it('refuses triggers, itself, and a sixth loop', () => {
    const graph = aGraph(`${DEEP},!start`)
    expect(refusedIn(graph, ['start'], 'l1', types)).toMatch(/trigger/i)
    expect(refusedIn(graph, ['l1'], 'l3', types)).toMatch(/itself/)
    expect(refusedIn(graph, ['other'], 'l5', types)).toMatch(/5 deep/)
    expect(refusedIn(graph, ['z'], 'l5', types)).toBe('')
    expect(refusedIn(graph, ['other'], 'l4', types)).toBe('')
    expect(placesFor(graph, ['other'], types)).toEqual(['l1', 'l2', 'l3', 'l4'])
  })
})

describe('walls', () => {
  it('are not crossed by lines', () => {
    const graph = aGraph('!start>loop>end,loop/a,loop/b')
    expect(refusedLine(graph, { source: 'a', port: 'out', target: 'b' }, types)).toBe('')
    expect(refusedLine(graph, { source: 'a', port: 'out', target: 'end' }, types)).toMatch(/cannot cross/)
    expect(refusedLine(graph, { source: 'loop', port: 'out', target: 'a' }, types)).toMatch(/by itself/)
  })

  it('cut the lines of a step that goes out, and no others', () => {
    const { graph, cut } = putInto(aGraph(LOOP), ['b'], null)
    expect(cut).toEqual([{ source: 'a', port: 'out', target: 'b' }])
    expect(parentOf(graph, 'b')).toBe(null)
    expect('parent' in nodeOf(graph, 'b')!).toBe(false)
    expect(graph.edges.map(edge => edge.target)).toEqual(['loop', 'end'])
  })

  it('keep the lines among steps that go together', () => {
    expect(putInto(aGraph(LOOP), ['a', 'b'], null).cut).toEqual([])
  })
})

describe('frames', () => {
  it('hold their steps and their own corner, whatever their order in the document', () => {
    const graph = aGraph(LOOP)
    const boxes = boxesOf(graph, types)
    const [frame, b] = [boxes.get('loop')!, boxes.get('b')!]
    expect(frame.x).toBe(nodeOf(graph, 'loop')!.position.x)
    expect(frame.x + frame.width).toBeGreaterThan(b.x + b.width)
    expect(frame.y + frame.height).toBeGreaterThan(b.y + b.height)
  })

  it('move with everything in them', () => {
    const graph = aGraph(DEEP)
    const moved = moveBy(graph, new Map([['l2', { x: 8, y: 16 }]]))
    const shift = (id: string) => nodeOf(moved, id)!.position.x - nodeOf(graph, id)!.position.x
    expect(['l1', 'l2', 'x', 'z'].map(shift)).toEqual([0, 8, 8, 0])
  })

  it('take along the notes that lie on them, those on inner frames too, and no others', () => {
    const graph = aGraph(DEEP)
    const on = (id: string, dx: number) => {
      const { x, y } = nodeOf(graph, id)!.position
      return { id, text: '', position: { x: x + dx, y: y + 8 } }
    }
    graph.notes = [on('l2', 0), on('x', 0), on('z', 0), on('l1', -400), on('l5', 8)]
    const moved = moveBy(graph, new Map([['l2', { x: 8, y: 16 }]]))
    expect(carryNotes(graph, graph, types)).toBe(graph)
    const own = { ...moved, notes: moved.notes.map(note => (note.id === 'l5' ? on('l5', 80) : note)) }
    const shift = carryNotes(graph, own, types).notes.map((note, at) => [
      note.position.x - graph.notes[at]!.position.x,
      note.position.y - graph.notes[at]!.position.y,
    ])
    expect(shift).toEqual([
      [8, 16],
      [8, 16],
      [0, 0],
      [0, 0],
      [72, 0],
    ])
  })

  it('are found by a point, the innermost first and never the one that is moved', () => {
    const graph = aGraph(DEEP)
    const at = nodeOf(graph, 'x')!.position
    expect(containerAt(graph, at, types)).toBe('l5')
    expect(containerAt(graph, at, types, ['l4'])).toBe('l3')
    expect(containerAt(graph, { x: -500, y: 0 }, types)).toBe(null)
  })

  it('push aside what they would cover as they grow', () => {
    const before = aGraph('!start>loop>end,loop/a')
    const { at, from } = spotInside(before, 'loop', types)
    expect(from).toEqual({ source: 'a', port: 'out' })
    const added = {
      ...before,
      nodes: [...before.nodes, { ...nodeOf(before, 'a')!, id: 'b', position: at }],
    }
    const after = makeRoom(before, added, 'loop', types)
    const [frame, end] = [boxesOf(after, types).get('loop')!, boxesOf(after, types).get('end')!]
    expect(end.x).toBeGreaterThan(frame.x + frame.width)
    expect(nodeOf(after, 'start')!.position).toEqual(nodeOf(before, 'start')!.position)
  })

  it('keep their notes where others grow, are put between, or take them in', () => {
    const graph = aGraph('!start>first>second,first/a,second/b')
    const corner = nodeOf(graph, 'second')!.position
    graph.notes = [{ id: 'n', text: '', position: { x: corner.x + 48, y: corner.y + 8 } }]
    const gap = (now: typeof graph) => now.notes[0]!.position.x - nodeOf(now, 'second')!.position.x
    const added = { ...nodeOf(graph, 'a')!, id: 'c', position: { x: corner.x + 8, y: 92 } }
    const grown = makeRoom(graph, { ...graph, nodes: [...graph.nodes, added] }, 'first', types)
    const between = insertOnEdge(
      graph,
      { source: 'first', port: 'out', target: 'second' },
      { ...added, parent: null, position: { x: corner.x - 8, y: 0 } },
      'out',
      types,
    )
    const inside = carryInto(graph, ['second'], 'first', types).graph
    for (const now of [grown, between, inside]) {
      expect(nodeOf(now, 'second')!.position).not.toEqual(corner)
      expect(gap(now)).toBe(48)
    }
  })

  it('take a step from outside below what they hold', () => {
    const { graph, cut } = carryInto(aGraph(LOOP), ['end'], 'loop', types)
    const boxes = boxesOf(graph, types)
    expect(cut).toHaveLength(1)
    expect(boxes.get('end')!.y).toBeGreaterThan(boxes.get('a')!.y + boxes.get('a')!.height)
    expect(boxes.get('loop')!.height).toBeGreaterThan(boxesOf(aGraph(LOOP), types).get('loop')!.height)
  })
})

describe('a container with its body', () => {
  it('is deleted as one, and its neighbours are joined', () => {
    const graph = remove(aGraph(LOOP), ['loop', 'a', 'b'], [])
    expect(graph.nodes.map(node => node.id)).toEqual(['start', 'end'])
    expect(graph.edges).toEqual([{ source: 'start', port: 'out', target: 'end' }])
    expect(remove(aGraph(LOOP), ['loop'], [])).toEqual(graph)
  })

  it('is copied as one: new ids, new parents, rewritten references', () => {
    const graph = aGraph(LOOP)
    nodeOf(graph, 'loop')!.config = { collect: '{{ steps.b.n + steps.start.n }}' }
    nodeOf(graph, 'b')!.config = { n: '{{ steps.a.n + item }}' }
    const { graph: pasted, ids } = paste(graph, copy(graph, ['loop']), null, types)
    expect(ids).toEqual(['loop_2'])
    expect(parentOf(pasted, 'a_2')).toBe('loop_2')
    expect(nodeOf(pasted, 'loop_2')!.config.collect).toBe('{{ steps.b_2.n + steps.start.n }}')
    expect(nodeOf(pasted, 'b_2')!.config.n).toBe('{{ steps.a_2.n + item }}')
    expect(pasted.edges.at(-1)).toEqual({ source: 'a_2', port: 'out', target: 'b_2' })
    const [old, fresh] = [boxesOf(pasted, types).get('loop')!, boxesOf(pasted, types).get('loop_2')!]
    expect(fresh.y).toBeGreaterThan(old.y + old.height)
  })

  it('takes what is pasted into it, at a free place', () => {
    const graph = aGraph(LOOP)
    const { graph: pasted, ids } = paste(graph, copy(graph, ['end']), 'loop', types)
    const [own, a] = [boxesOf(pasted, types).get(ids[0]!)!, boxesOf(pasted, types).get('a')!]
    expect(parentOf(pasted, ids[0]!)).toBe('loop')
    expect(own.y).toBeGreaterThan(a.y + a.height)
  })

  it('is one step in the order of a run, with an order of its own inside', () => {
    expect(runOrder(aGraph(LOOP), null, types)).toEqual(['start', 'loop', 'end'])
    expect(runOrder(aGraph(LOOP), 'loop', types)).toEqual(['a', 'b'])
  })
})
