/** Puts a chosen step onto the canvas: loose, after an exit, or into a line; then selects it. */
import { useGraph } from '../../app/store/graph'
import { nodeType } from '../../app/store/session'
import { type QuickAdd, useView } from '../../app/store/view'
import type { Position } from '../../shared/graph/document'
import { addNode, connect, GAP, insertOnEdge, makeNode } from '../../shared/graph/edit'
import { portsOf } from '../../shared/graph/ports'
import type { Entry } from './catalogue'

export function placeStep(entry: Entry, where: QuickAdd): void {
  const { graph, change } = useGraph.getState()
  const node = makeNode(graph, {
    type: entry.type,
    title: entry.config ? entry.title : undefined,
    config: entry.config,
    position: where.at,
  })
  const first = portsOf(node, entry.type, graph).find(port => port.kind !== 'error')?.name ?? null
  change(current => {
    if (where.onEdge) return insertOnEdge(current, where.onEdge, { ...node, position: where.at }, first)
    const next = addNode(current, node)
    const canFollow = where.from && !entry.type.is_trigger
    return canFollow ? connect(next, { ...where.from!, target: node.id }) : next
  })
  useView.getState().set({ selected: [node.id], tab: 'settings', quickAdd: null })
}

/** A click in the palette: after the selected step if it has a free exit, else beside everything. */
export function placeAfterSelection(entry: Entry): void {
  const { graph } = useGraph.getState()
  const selected = graph.nodes.find(node => node.id === useView.getState().selected[0])
  const free =
    selected && !entry.type.is_trigger
      ? portsOf(selected, nodeType(selected.type), graph).find(
          port =>
            port.kind !== 'error' &&
            !graph.edges.some(edge => edge.source === selected.id && edge.port === port.name),
        )
      : undefined
  if (selected && free) {
    placeStep(entry, {
      at: { x: selected.position.x + GAP.x, y: selected.position.y },
      from: { source: selected.id, port: free.name },
    })
    return
  }
  placeStep(entry, { at: besideEverything() })
}

function besideEverything(): Position {
  const { nodes } = useGraph.getState().graph
  if (!nodes.length) return { x: 0, y: 0 }
  const right = Math.max(...nodes.map(node => node.position.x))
  const last = nodes.find(node => node.position.x === right)!
  return { x: right + GAP.x, y: last.position.y }
}
