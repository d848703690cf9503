/** From the domain graph to React Flow's nodes and edges; measured sizes and object identity are kept. */
import type { Edge as FlowEdge, Node as FlowNode } from '@xyflow/react'
import { nodeType } from '../../app/store/session'
import {
  edgeKey,
  type Graph,
  type GraphNode,
  type Note,
  noteKey,
  type Position,
} from '../../shared/graph/document'
import { type Box, boxesOf, frameUnder } from '../../shared/graph/frames'
import { childrenOf, containersAround, parentOf } from '../../shared/graph/nesting'

export type StepData = { label: string }
export type StepNode = FlowNode<StepData>

/** What lies over what: frames, inner ones over outer ones; notes; lines and steps, and over those what is selected. */
const FRAMES_AT = -100
const NOTES_AT = -1

/** Where a node stands for React Flow: relative to the frame of its container. */
export function placeInFrame(graph: Graph, id: string): Position | undefined {
  const boxes = boxesOf(graph, nodeType)
  const box = boxes.get(id)
  const frame = boxes.get(parentOf(graph, id) ?? '')
  return box && { x: box.x - (frame?.x ?? 0), y: box.y - (frame?.y ?? 0) }
}

/** Where a note lies for React Flow: relative to the frame below it, so that it goes along while that is dragged. */
export function notePlace(graph: Graph, note: Note): Position {
  const frame = boxesOf(graph, nodeType).get(frameUnder(graph, note, nodeType) ?? '')
  return { x: note.position.x - (frame?.x ?? 0), y: note.position.y - (frame?.y ?? 0) }
}

/** Containers before what stands in them, as React Flow wants it. */
function inOrder(graph: Graph, level: string | null = null): GraphNode[] {
  return childrenOf(graph, level).flatMap(node => [node, ...inOrder(graph, node.id)])
}

export function toNodes(graph: Graph, old: StepNode[], selected: string[], readOnly: boolean): StepNode[] {
  const known = new Map(old.map(node => [node.id, node]))
  const chosen = new Set(selected)
  const boxes = boxesOf(graph, nodeType)
  const steps = inOrder(graph).map(node => {
    const isContainer = nodeType(node.type)?.is_container ?? false
    const made: StepNode = {
      ...known.get(node.id),
      id: node.id,
      type: isContainer ? 'container' : 'step',
      position: placeInFrame(graph, node.id)!,
      parentId: parentOf(graph, node.id) ?? undefined,
      selected: chosen.has(node.id),
      draggable: !readOnly,
      zIndex: isContainer ? FRAMES_AT + containersAround(graph, node.id).length : Number(chosen.has(node.id)),
      data: known.get(node.id)?.data ?? { label: node.id },
      domAttributes: { 'data-id': node.id } as Record<string, string>,
      ...(isContainer ? sized(boxes.get(node.id)!) : {}),
    }
    const before = known.get(node.id)
    return before && looksAlike(before, made) ? before : made
  })
  const notes = graph.notes.map(note => ({
    ...known.get(noteKey(note.id)),
    id: noteKey(note.id),
    type: 'note',
    position: notePlace(graph, note),
    parentId: frameUnder(graph, note, nodeType) ?? undefined,
    selected: chosen.has(noteKey(note.id)),
    draggable: !readOnly,
    data: { label: note.id },
    zIndex: NOTES_AT,
  })) as StepNode[]
  return [...steps, ...notes]
}

const sized = ({ width, height }: Box) => ({ width, height })

const looksAlike = (a: StepNode, b: StepNode): boolean =>
  a.position.x === b.position.x &&
  a.position.y === b.position.y &&
  a.parentId === b.parentId &&
  a.width === b.width &&
  a.height === b.height &&
  a.zIndex === b.zIndex &&
  a.selected === b.selected

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
