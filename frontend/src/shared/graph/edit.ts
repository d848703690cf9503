/** Every way to change a graph: pure functions from one graph to the next. */
import type { NodeType } from '../../api/types'
import type { Edge, Graph, GraphNode, Note, Position } from './document'
import { freeId } from './ids'

export const CARD_WIDTH = 248
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

export function canConnect(graph: Graph, edge: Edge, isTrigger: (id: string) => boolean): boolean {
  if (edge.source === edge.target || isTrigger(edge.target)) return false
  if (graph.edges.some(e => e.source === edge.source && e.port === edge.port && e.target === edge.target))
    return false
  return !wouldCycle(graph, edge.source, edge.target)
}

export type NewNode = { type: NodeType; title?: string; config?: Record<string, unknown>; position: Position }

export function makeNode(graph: Graph, wanted: NewNode): GraphNode {
  const title = wanted.title ?? ''
  const id = freeId(
    title || wanted.type.title,
    graph.nodes.map(node => node.id),
    wanted.type.name,
  )
  return {
    id,
    type: wanted.type.name,
    version: wanted.type.version,
    ...(title ? { title } : {}),
    config: structuredClone({ ...wanted.type.default_config, ...wanted.config }),
    position: freePlace(graph, wanted.position),
  }
}

/** The position, moved down until it covers no other card. */
export function freePlace(graph: Graph, position: Position): Position {
  const place = { x: Math.round(position.x / 8) * 8, y: Math.round(position.y / 8) * 8 }
  while (
    graph.nodes.some(
      node => Math.abs(node.position.x - place.x) < CARD_WIDTH && Math.abs(node.position.y - place.y) < 90,
    )
  )
    place.y += GAP.y
  return place
}

export const addNode = (graph: Graph, node: GraphNode): Graph => ({ ...graph, nodes: [...graph.nodes, node] })

export const connect = (graph: Graph, edge: Edge): Graph => ({ ...graph, edges: [...graph.edges, edge] })

/** Put a node into the middle of a line: what came after goes on from its first exit. */
export function insertOnEdge(graph: Graph, edge: Edge, node: GraphNode, port: string | null): Graph {
  const rest = graph.edges.filter(
    e => !(e.source === edge.source && e.port === edge.port && e.target === edge.target),
  )
  const edges = [...rest, { source: edge.source, port: edge.port, target: node.id }]
  if (port) edges.push({ source: node.id, port, target: edge.target })
  const shifted = graph.nodes.map(other =>
    other.position.x >= node.position.x && other.id !== edge.source && isAfter(graph, edge.target, other.id)
      ? { ...other, position: { x: other.position.x + GAP.x, y: other.position.y } }
      : other,
  )
  return { ...graph, nodes: [...shifted, node], edges }
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

/** Delete nodes and lines; a single node with one way in and one way out leaves its neighbours connected. */
export function remove(graph: Graph, nodes: string[], edges: Edge[], notes: string[] = []): Graph {
  const gone = new Set(nodes)
  const isGone = (edge: Edge) =>
    edges.some(e => e.source === edge.source && e.port === edge.port && e.target === edge.target)
  const joined: Edge[] = []
  if (nodes.length === 1) {
    const inward = graph.edges.filter(edge => edge.target === nodes[0])
    const outward = graph.edges.filter(edge => edge.source === nodes[0])
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

export function move(graph: Graph, places: Map<string, Position>): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map(node => {
      const position = places.get(node.id)
      return position ? { ...node, position } : node
    }),
    notes: graph.notes.map(note => {
      const position = places.get(note.id)
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
  const note: Note = { id, text: '', position, size: { width: 240, height: 120 } }
  return { ...graph, notes: [...graph.notes, note] }
}

export function updateNote(graph: Graph, id: string, change: Partial<Note>): Graph {
  return { ...graph, notes: graph.notes.map(note => (note.id === id ? { ...note, ...change } : note)) }
}

export type Clipboard = { kind: 'workflow-steps'; version: 1; nodes: GraphNode[]; edges: Edge[] }

export function copy(graph: Graph, ids: string[]): Clipboard {
  const chosen = new Set(ids)
  return {
    kind: 'workflow-steps',
    version: 1,
    nodes: graph.nodes.filter(node => chosen.has(node.id)),
    edges: graph.edges.filter(edge => chosen.has(edge.source) && chosen.has(edge.target)),
  }
}

export function readClipboard(text: string): Clipboard | null {
  try {
    const value = JSON.parse(text)
    const fits =
      value?.kind === 'workflow-steps' &&
      Array.isArray(value.nodes) &&
      Array.isArray(value.edges) &&
      value.nodes.every((node: GraphNode) => typeof node?.id === 'string' && typeof node.type === 'string')
    return fits ? (value as Clipboard) : null
  } catch {
    return null
  }
}

/** New ids, lines among the pasted only, references among them rewritten; returns the new ids too. */
export function paste(graph: Graph, clip: Clipboard, shift = 40): { graph: Graph; ids: string[] } {
  const taken = new Set(graph.nodes.map(node => node.id))
  const names = new Map<string, string>()
  for (const node of clip.nodes) {
    const id = freeId(node.id, taken, node.type)
    taken.add(id)
    names.set(node.id, id)
  }
  const nodes = clip.nodes.map(node => ({
    ...node,
    id: names.get(node.id)!,
    config: rewrite(node.config, names),
    position: { x: (node.position?.x ?? 0) + shift, y: (node.position?.y ?? 0) + shift },
  }))
  const edges = clip.edges
    .filter(edge => names.has(edge.source) && names.has(edge.target))
    .map(edge => ({ ...edge, source: names.get(edge.source)!, target: names.get(edge.target)! }))
  return {
    graph: { ...graph, nodes: [...graph.nodes, ...nodes], edges: [...graph.edges, ...edges] },
    ids: nodes.map(node => node.id),
  }
}

function rewrite<T>(value: T, names: Map<string, string>): T {
  if (typeof value === 'string')
    return value.replace(/\{\{.*?\}\}/gs, part =>
      part.replace(/\b(steps|errors)\.(\??)([a-z][a-z0-9_]*)/g, (all, root, mark, id) =>
        names.has(id) ? `${root}.${mark}${names.get(id)}` : all,
      ),
    ) as T
  if (Array.isArray(value)) return value.map(item => rewrite(item, names)) as T
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rewrite(item, names)])) as T
  return value
}

/** Ids in the order in which a run reaches them: triggers first, then what follows. */
export function runOrder(graph: Graph, isTrigger: (id: string) => boolean): string[] {
  const open = new Map(graph.nodes.map(node => [node.id, 0]))
  for (const edge of graph.edges) if (open.has(edge.target)) open.set(edge.target, open.get(edge.target)! + 1)
  const ready = graph.nodes
    .filter(node => open.get(node.id) === 0)
    .sort((a, b) => Number(isTrigger(b.id)) - Number(isTrigger(a.id)))
    .map(node => node.id)
  const order: string[] = []
  while (ready.length) {
    const id = ready.shift()!
    order.push(id)
    for (const target of successors(graph, id)) {
      const left = open.get(target)! - 1
      open.set(target, left)
      if (left === 0) ready.push(target)
    }
  }
  return [...order, ...graph.nodes.map(node => node.id).filter(id => !order.includes(id))]
}
