/** What the page brought along: fixed for the life of the page. */
import { startSession } from '../../api/client'
import type { NodeType, Trigger } from '../../api/types'
import { parseJson } from '../../shared/exact-json'
import type { Graph } from '../../shared/graph/document'

export type Me = {
  email: string
  name: string
  role: string
  can: Record<
    'edit' | 'publish' | 'run' | 'operate' | 'pause' | 'retry' | 'pause_run' | 'settle' | 'manage_mcp',
    boolean
  >
}

export type EditorData = {
  workflow: {
    id: string
    name: string
    slug: string
    description: string
    revision: number
    live_version: number | null
    live_graph: Graph | null
    paused: boolean
    archived: { may_restore: boolean } | null
    triggers: Trigger[]
  }
  graph: Graph
  workspace: { slug: string; name: string; timezone: string }
  me: Me
  last_run: { id: string } | null
}

let me: Me | null = null

/** Whether the person may do something; the server decides in any case. */
export const may = (verb: keyof Me['can']): boolean => me?.can[verb] ?? false

/** The data that the template left in a script element; starts the API session with it. */
export function pageData<T extends { workspace: { slug: string }; me: Me }>(id: string): T {
  const element = document.getElementById(id)
  const data = parseJson(element?.textContent ?? '{}') as T
  me = data.me
  startSession(data.workspace.slug)
  return data
}

const types = new Map<string, NodeType>()

export function setNodeTypes(items: NodeType[]): void {
  for (const item of items) types.set(item.name, item)
}

export const nodeType = (name: string | undefined): NodeType | undefined =>
  name ? types.get(name) : undefined
export const allNodeTypes = (): NodeType[] => [...types.values()]
