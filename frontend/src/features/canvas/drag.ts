/** What moving cards means: steps keep their absolute places, and change the container that they are dropped on. */
import { tellCut } from '../../app/notices'
import { useGraph } from '../../app/store/graph'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { type Graph, nodeOf, noteOf, type Position } from '../../shared/graph/document'
import { move } from '../../shared/graph/edit'
import { carryNotes, containerAt, freePlace, makeRoom, moveBy } from '../../shared/graph/frames'
import { isContainer, outermost, parentOf, putInto, refusedIn } from '../../shared/graph/nesting'
import { notePlace, placeInFrame } from './to-flow'

/** Takes the places that React Flow gives: relative to the frame around each. */
export function takePlaces(places: Map<string, Position>): void {
  const { graph, change } = useGraph.getState()
  const shifts = new Map<string, Position>()
  const notes = new Map<string, Position>()
  for (const [id, place] of places) {
    const note = graph.notes.find(item => item.id === noteOf(id))
    const before = note ? notePlace(graph, note) : placeInFrame(graph, id)
    if (!before || (before.x === place.x && before.y === place.y)) continue
    const shift = { x: place.x - before.x, y: place.y - before.y }
    if (note) notes.set(note.id, { x: note.position.x + shift.x, y: note.position.y + shift.y })
    else shifts.set(id, shift)
  }
  if (shifts.size || notes.size)
    change(
      current => carryNotes(current, move(moveBy(current, shifts), new Map(), notes), nodeType),
      dragKey([...places.keys()]),
    )
}

/** The drag and what it leads to are undone at once. */
const dragKey = (ids: string[]): string => `move:${[...ids].sort().join()}`

/** The container that would take nodes dropped now, as far as it may; undefined where nothing would change. */
function targetOf(graph: Graph, ids: string[], at: Position): string | null | undefined {
  const steps = outermost(
    graph,
    ids.filter(id => noteOf(id) === null),
  )
  if (!steps.length) return undefined
  const target = containerAt(graph, at, nodeType, steps)
  return steps.every(id => parentOf(graph, id) === target) ? undefined : target
}

/** The graph as the drag began: frames are judged by what they held then, not by what is pulled out of them. */
let before: Graph | null = null

export function beginDrag(): void {
  before = useGraph.getState().graph
}

/** While dragging: the frame that would take it is shown. */
export function showTarget(ids: string[], at: Position): void {
  const target = (before && targetOf(before, ids, at)) ?? null
  if (useView.getState().dropTarget !== target) useView.getState().set({ dropTarget: target })
}

export function drop(ids: string[], at: Position): void {
  useView.getState().set({ dropTarget: null })
  const start = before
  before = null
  if (!start) return
  const target = targetOf(start, ids, at)
  const { graph, change } = useGraph.getState()
  const steps = outermost(
    graph,
    ids.filter(id => noteOf(id) === null),
  )
  const parent = steps[0] ? parentOf(graph, steps[0]) : null
  if (target !== undefined) giveTo(steps, target, dragKey(ids))
  else if (parent !== null) change(current => makeRoom(start, current, parent, nodeType), dragKey(ids))
}

/** Gives steps to a container, or to the outside, where they stand; says which lines that costs. */
function giveTo(ids: string[], target: string | null, merge: string): void {
  const { graph, change } = useGraph.getState()
  const refused = refusedIn(graph, ids, target, nodeType)
  if (refused) {
    useView.getState().set({ notice: { text: refused } })
    return
  }
  const { graph: next, cut } = putInto(graph, ids, target)
  change(() => makeRoom(graph, uncovered(next, ids, target), target, nodeType), merge)
  tellCut(cut.length)
}

/** A step that was dropped onto others in a frame goes below them; several keep their order. */
function uncovered(graph: Graph, ids: string[], target: string | null): Graph {
  const node = nodeOf(graph, ids[0] ?? null)
  if (!node || ids.length > 1 || target === null || isContainer(graph, node.id, nodeType)) return graph
  const others = { ...graph, nodes: graph.nodes.filter(other => other.id !== node.id) }
  return move(graph, new Map([[node.id, freePlace(others, node, nodeType)]]))
}
