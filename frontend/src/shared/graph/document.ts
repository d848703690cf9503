/**
 * The graph document as it is saved. No type of React Flow is known here.
 *
 * Positions are absolute, of nodes in a container too: a step keeps its place when it moves into a loop or out of
 * it, and export, import and paste need not know what stands in what. A container's position is its corner at the
 * top left; its size is never saved but follows from what stands in it (`frames.ts`). The canvas alone turns places
 * into ones relative to the container, because the drawing library wants them so.
 */

export type Position = { x: number; y: number }
export type Retry = { attempts: number; first_delay_s: number; factor: number }
export type NodeSettings = {
  timeout_s?: number | null
  retry?: Retry | null
  join?: 'all' | 'first'
  on_unknown?: 'ask' | 'fail'
  disabled?: boolean
}
export type GraphNode = {
  id: string
  type: string
  version: number
  title?: string
  config: Record<string, unknown>
  settings?: NodeSettings
  position: Position
  parent?: string | null
}
export type Edge = { source: string; port: string; target: string }
export type Note = {
  id: string
  text: string
  position: Position
  size?: { width: number; height: number } | null
}
export type Graph = {
  schema: 1
  settings: GraphSettings
  nodes: GraphNode[]
  edges: Edge[]
  notes: Note[]
}

export type Concurrency = { key?: string; limit?: number; when_full?: 'queue' | 'replace' | 'refuse' }
export type Budget = 'steps' | 'active_s' | 'tokens' | 'cost_usd' | 'bytes'

export type GraphSettings = {
  timezone?: string | null
  concurrency?: Concurrency | null
  budgets?: Partial<Record<Budget, number>>
  keep_days?: number | null
  never_stored?: string[]
}

/** The most characters that the server takes. */
export const MAX_TITLE = 120
export const MAX_NOTE = 10_000

/** As notes are drawn. */
export const NOTE_SIZE = { width: 240, height: 120 }

export const EMPTY_GRAPH: Graph = { schema: 1, settings: {}, nodes: [], edges: [], notes: [] }

/** What a note is known by among the steps that are selected or drawn: no id of a step holds a colon. */
export const noteKey = (id: string): string => `note:${id}`
export const noteOf = (key: string): string | null =>
  key.startsWith('note:') ? key.slice('note:'.length) : null

const maps = new WeakMap<Graph, Map<string, GraphNode>>()

/** The nodes by id, made once for each state of the graph. */
export function nodeMap(graph: Graph): ReadonlyMap<string, GraphNode> {
  let found = maps.get(graph)
  if (!found) {
    found = new Map(graph.nodes.map(node => [node.id, node]))
    maps.set(graph, found)
  }
  return found
}

export const nodeOf = (graph: Graph, id: string | null): GraphNode | undefined =>
  id === null ? undefined : nodeMap(graph).get(id)

export const edgeKey = (edge: Edge): string => `${edge.source}.${edge.port}>${edge.target}`
