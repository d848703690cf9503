/** Puts a chosen step onto the canvas: loose, after an exit, into a line or into a loop; then selects it. */
import { useGraph } from '../../app/store/graph'
import { nodeType } from '../../app/store/session'
import { type QuickAdd, useView } from '../../app/store/view'
import { type Graph, nodeOf, type Position } from '../../shared/graph/document'
import { addNode, connect, insertOnEdge, makeNode } from '../../shared/graph/edit'
import { boxesOf, makeRoom, placeAfter } from '../../shared/graph/frames'
import { freeExit, spotInside } from '../../shared/graph/inside'
import { childrenOf, parentOf, refusedType } from '../../shared/graph/nesting'
import { portsOf } from '../../shared/graph/ports'
import type { Entry } from './catalogue'

/** The container in which a step would stand that is added there. */
export function containerFor(graph: Graph, where: QuickAdd): string | null {
  const beside = where.from?.source ?? where.onEdge?.source
  return beside ? parentOf(graph, beside) : (where.inside ?? null)
}

export function placeStep(entry: Entry, where: QuickAdd): void {
  const { graph, change } = useGraph.getState()
  const parent = containerFor(graph, where)
  const refused = refusedType(graph, entry.type, parent)
  if (refused) {
    useView.getState().set({ quickAdd: null, notice: { text: refused } })
    return
  }
  const node = makeNode(
    graph,
    {
      type: entry.type,
      title: entry.config ? entry.title : undefined,
      config: entry.config,
      position: where.at,
      parent,
    },
    nodeType,
  )
  const first = portsOf(node, entry.type, graph).find(port => port.kind !== 'error')?.name ?? null
  change(current => {
    if (where.onEdge) {
      const inLine = { ...node, position: where.at }
      const next = insertOnEdge(current, where.onEdge, inLine, first, nodeType)
      return makeRoom(current, next, parent, nodeType)
    }
    const next = makeRoom(current, addNode(current, node), parent, nodeType)
    const canFollow = where.from && !entry.type.is_trigger
    return canFollow ? connect(next, { ...where.from!, target: node.id }) : next
  })
  useView.getState().set({ selected: [node.id], tab: 'settings', quickAdd: null })
}

/** A click in the palette: into a selected empty loop, after the selected step if it has a free exit, else loose. */
export function placeAfterSelection(entry: Entry): void {
  placeStep(entry, spotBeside(entry))
}

function spotBeside(entry: Entry): QuickAdd {
  const { graph } = useGraph.getState()
  const selected = nodeOf(graph, useView.getState().selected[0] ?? null)
  if (selected && !entry.type.is_trigger) {
    if (isEmptyContainer(graph, selected.id)) return spotInside(graph, selected.id, nodeType)
    const port = freeExit(graph, selected.id, nodeType)
    if (port) return { at: placeAfter(graph, selected.id, nodeType), from: { source: selected.id, port } }
  }
  const inside = selected && !entry.type.is_trigger ? parentOf(graph, selected.id) : null
  return inside ? spotInside(graph, inside, nodeType) : { at: besideEverything() }
}

export const isEmptyContainer = (graph: Graph, id: string): boolean =>
  Boolean(nodeType(nodeOf(graph, id)?.type)?.is_container) && childrenOf(graph, id).length === 0

function besideEverything(): Position {
  const { graph } = useGraph.getState()
  const boxes = boxesOf(graph, nodeType)
  const last = childrenOf(graph, null).reduce<string | null>(
    (best, node) => (best && ends(boxes.get(best)!) >= ends(boxes.get(node.id)!) ? best : node.id),
    null,
  )
  return last ? placeAfter(graph, last, nodeType) : { x: 0, y: 0 }
}

const ends = (box: { x: number; width: number }): number => box.x + box.width
