/** Every way to change a graph: pure functions from one graph to the next. */
import type { NodeType } from '../../api/types'
import {
  type Edge,
  type Graph,
  type GraphNode,
  NOTE_SIZE,
  type Note,
  noteOf,
  type Position,
} from './document'
import { CARD_WIDTH, carryNotes, freePlace, moveBy, sizeOf } from './frames'
import { freeId } from './ids'
import { childrenOf, isTrigger, outermost, parentOf, type Types, withBodies } from './nesting'

export const GAP = { x: 312, y: 160 }

export function successors(graph: Graph, id: string): string[] {
  return graph.edges.filter(edge => edge.source === id).map(edge => edge.target)
}

/** Would a line from `source` to `target` close a circle? */
export function wouldCycle(graph: Graph, source: string, target: string): boolean {
  const pending = [target]
  const seen = new Set<string>()
  while (pending.length) {
    const id = pending.pop()!
    if (id === source) return true
    if (seen.has(id)) continue
    seen.add(id)
    pending.push(...successors(graph, id))
  }
  return false
}

export const WALL = 'A line cannot cross the edge of a loop. Connect steps on the same side of it.'

/** Why a line cannot be drawn, as a sentence, or nothing if it can. */
export function refusedLine(graph: Graph, edge: Edge, types: Types): string {
  if (edge.source === edge.target) return 'A step cannot lead to itself.'
  if (isTrigger(graph, edge.target, types)) return 'Nothing can lead into a trigger.'
  const from = parentOf(graph, edge.source)
  const to = parentOf(graph, edge.target)
  if (from !== to)
    return edge.source === to || edge.target === from
      ? 'A loop starts its steps by itself and gathers what they give: no line is needed.'
      : WALL
  if (graph.edges.some(e => e.source === edge.source && e.port === edge.port && e.target === edge.target))
    return 'These two are connected already.'
  return wouldCycle(graph, edge.source, edge.target) ? 'This line would lead in a circle.' : ''
}

export type NewNode = {
  type: NodeType
  title?: string
  config?: Record<string, unknown>
  position: Position
  parent?: string | null
}

export function makeNode(graph: Graph, wanted: NewNode, types: Types): GraphNode {
  const title = wanted.title ?? ''
  const id = freeId(
    title || wanted.type.title,
    graph.nodes.map(node => node.id),
    wanted.type.name,
  )
  const node: GraphNode = {
    id,
    type: wanted.type.name,
    version: wanted.type.version,
    ...(title ? { title } : {}),
    config: structuredClone({ ...wanted.type.default_config, ...wanted.config }),
    position: wanted.position,
    ...(wanted.parent ? { parent: wanted.parent } : {}),
  }
  return { ...node, position: freePlace(graph, node, types) }
}

export const addNode = (graph: Graph, node: GraphNode): Graph => ({ ...graph, nodes: [...graph.nodes, node] })

export const connect = (graph: Graph, edge: Edge): Graph => ({ ...graph, edges: [...graph.edges, edge] })

/** Put a node into the middle of a line: what came after goes on from its first exit. */
export function insertOnEdge(
  graph: Graph,
  edge: Edge,
  node: GraphNode,
  port: string | null,
  types: Types,
): Graph {
  const rest = graph.edges.filter(
    e => !(e.source === edge.source && e.port === edge.port && e.target === edge.target),
  )
  const edges = [...rest, { source: edge.source, port: edge.port, target: node.id }]
  if (port) edges.push({ source: node.id, port, target: edge.target })
  const shift = sizeOf(graph, node, types).width + GAP.x - CARD_WIDTH
  const after = graph.nodes.filter(
    other =>
      other.position.x >= node.position.x &&
      other.id !== edge.source &&
      isAfter(graph, edge.target, other.id),
  )
  const moved = moveBy(graph, new Map(after.map(other => [other.id, { x: shift, y: 0 }])))
  const shifted = carryNotes(graph, moved, types)
  return { ...shifted, nodes: [...shifted.nodes, node], edges }
}

function isAfter(graph: Graph, from: string, id: string): boolean {
  if (from === id) return true
  const pending = [from]
  const seen = new Set<string>()
  while (pending.length) {
    const next = pending.pop()!
    if (next === id) return true
    if (seen.has(next)) continue
    seen.add(next)
    pending.push(...successors(graph, next))
  }
  return false
}

/** Delete what is chosen, notes by their keys. */
export function removeChosen(graph: Graph, keys: string[], edges: Edge[] = []): Graph {
  const nodes = keys.filter(key => noteOf(key) === null)
  return remove(
    graph,
    nodes,
    edges,
    keys.flatMap(key => noteOf(key) ?? []),
  )
}

/**
 * Delete nodes with what stands in them, and lines; a single node with one way in and one way out leaves its
 * neighbours connected.
 */
export function remove(graph: Graph, nodes: string[], edges: Edge[], notes: string[] = []): Graph {
  const gone = withBodies(graph, nodes)
  const alone = outermost(graph, nodes)
  const isGone = (edge: Edge) =>
    edges.some(e => e.source === edge.source && e.port === edge.port && e.target === edge.target)
  const joined: Edge[] = []
  if (alone.length === 1) {
    const inward = graph.edges.filter(edge => edge.target === alone[0])
    const outward = graph.edges.filter(edge => edge.source === alone[0])
    if (outward.length === 1 && outward[0]!.port === 'out')
      for (const edge of inward) joined.push({ ...edge, target: outward[0]!.target })
  }
  const kept = graph.edges.filter(edge => !gone.has(edge.source) && !gone.has(edge.target) && !isGone(edge))
  const fresh = joined.filter(
    edge => !kept.some(e => e.source === edge.source && e.port === edge.port && e.target === edge.target),
  )
  return {
    ...graph,
    nodes: graph.nodes.filter(node => !gone.has(node.id)),
    edges: [...kept, ...fresh],
    notes: graph.notes.filter(note => !notes.includes(note.id)),
  }
}

export function updateNode(graph: Graph, id: string, change: Partial<GraphNode>): Graph {
  return { ...graph, nodes: graph.nodes.map(node => (node.id === id ? { ...node, ...change } : node)) }
}

/** A new config; lines from exits that are gone go with them. */
export function setConfig(graph: Graph, id: string, config: Record<string, unknown>): Graph {
  return updateNode(graph, id, { config })
}

/** An exit got another id: its lines follow it. */
export function renamePort(graph: Graph, node: string, from: string, to: string): Graph {
  return {
    ...graph,
    edges: graph.edges.map(edge =>
      edge.source === node && edge.port === from ? { ...edge, port: to } : edge,
    ),
  }
}

export function dropPorts(graph: Graph, node: string, gone: string[]): Graph {
  return { ...graph, edges: graph.edges.filter(edge => edge.source !== node || !gone.includes(edge.port)) }
}

/** Sets where nodes and notes stand. */
export function move(
  graph: Graph,
  nodes: Map<string, Position>,
  notes: Map<string, Position> = new Map(),
): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map(node => {
      const position = nodes.get(node.id)
      return position ? { ...node, position } : node
    }),
    notes: graph.notes.map(note => {
      const position = notes.get(note.id)
      return position ? { ...note, position } : note
    }),
  }
}

export function addNote(graph: Graph, position: Position): Graph {
  const id = freeId(
    'note',
    graph.notes.map(note => note.id),
    'note',
  )
  const note: Note = { id, text: '', position, size: NOTE_SIZE }
  return { ...graph, notes: [...graph.notes, note] }
}

export function updateNote(graph: Graph, id: string, change: Partial<Note>): Graph {
  return { ...graph, notes: graph.notes.map(note => (note.id === id ? { ...note, ...change } : note)) }
}

/** Ids of one level in the order in which a run reaches them: triggers first, then what follows. */
export function runOrder(graph: Graph, level: string | null, types: Types): string[] {
  const nodes = childrenOf(graph, level)
  const open = new Map(nodes.map(node => [node.id, 0]))
  for (const edge of graph.edges) if (open.has(edge.target)) open.set(edge.target, open.get(edge.target)! + 1)
  const ready = nodes
    .filter(node => open.get(node.id) === 0)
    .sort((a, b) => Number(isTrigger(graph, b.id, types)) - Number(isTrigger(graph, a.id, types)))
    .map(node => node.id)
  const order: string[] = []
  while (ready.length) {
    const id = ready.shift()!
    order.push(id)
    for (const target of successors(graph, id)) {
      const left = (open.get(target) ?? 0) - 1
      open.set(target, left)
      if (left === 0) ready.push(target)
    }
  }
  return [...order, ...nodes.map(node => node.id).filter(id => !order.includes(id))]
}
