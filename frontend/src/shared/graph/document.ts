/** The graph document as it is saved. No type of React Flow is known here. */

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
  settings: Record<string, unknown>
  nodes: GraphNode[]
  edges: Edge[]
  notes: Note[]
}

export const EMPTY_GRAPH: Graph = { schema: 1, settings: {}, nodes: [], edges: [], notes: [] }

export const nodeOf = (graph: Graph, id: string | null): GraphNode | undefined =>
  graph.nodes.find(node => node.id === id)

export const edgeKey = (edge: Edge): string => `${edge.source}.${edge.port}>${edge.target}`
