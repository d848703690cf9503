/** From the domain graph to React Flow's nodes and edges; measured sizes and object identity are kept. */
import type { Edge as FlowEdge, Node as FlowNode } from '@xyflow/react'
import { edgeKey, type Graph } from '../../shared/graph/document'

export type StepData = { label: string }
export type StepNode = FlowNode<StepData>

export function toNodes(graph: Graph, old: StepNode[], selected: string[], readOnly: boolean): StepNode[] {
  const known = new Map(old.map(node => [node.id, node]))
  const chosen = new Set(selected)
  const steps = graph.nodes.map(node => {
    const before = known.get(node.id)
    const isSelected = chosen.has(node.id)
    if (
      before &&
      before.position.x === node.position.x &&
      before.position.y === node.position.y &&
      before.selected === isSelected
    )
      return before
    return {
      ...before,
      id: node.id,
      type: 'step',
      position: node.position,
      selected: isSelected,
      draggable: !readOnly,
      data: before?.data ?? { label: node.id },
      domAttributes: { 'data-id': node.id } as Record<string, string>,
    } as StepNode
  })
  const notes = graph.notes.map(note => ({
    ...known.get(`note:${note.id}`),
    id: `note:${note.id}`,
    type: 'note',
    position: note.position,
    selected: chosen.has(`note:${note.id}`),
    draggable: !readOnly,
    data: { label: note.id },
    zIndex: -1,
  })) as StepNode[]
  return [...notes, ...steps]
}

export function toEdges(graph: Graph, selectedEdges: Set<string>): FlowEdge[] {
  const known = new Set(graph.nodes.map(node => node.id))
  return graph.edges
    .filter(edge => known.has(edge.source) && known.has(edge.target))
    .map(edge => ({
      id: edgeKey(edge),
      source: edge.source,
      sourceHandle: edge.port,
      target: edge.target,
      targetHandle: 'in',
      type: 'step',
      selected: selectedEdges.has(edgeKey(edge)),
      ariaLabel: `From ${edge.source} by ${edge.port} to ${edge.target}`,
    }))
}
