/** Every request of the islands, by what it does. */
import type { Graph } from '../shared/graph/document'
import { get, patch, post, put, request } from './client'
import type {
  Checked,
  McpServer,
  Member,
  ModelConnection,
  NodeTypes,
  Prompt,
  PublishedTrigger,
  Resource,
  Run,
  RunDetail,
  RunEvent,
  Step,
  Tool,
  Trigger,
  Version,
  WebhookSecret,
  Workflow,
  WorkflowRow,
} from './types'

type List<T> = { items: T[]; next: string | null }

/** Every page of a list. */
async function readAll<T>(path: string): Promise<T[]> {
  const found: T[] = []
  let next: string | null = ''
  while (next !== null) {
    const page: List<T> = await get(`${path}?limit=200${next && `&cursor=${next}`}`)
    found.push(...page.items)
    next = page.next
  }
  return found
}

export const readNodeTypes = () => get<NodeTypes>('/node-types')
export const checkGraph = (graph: Graph, workflow: string) =>
  post<Checked>('/graphs/check', { graph, workflow })
export const readWorkflow = (id: string) => get<Workflow>(`/workflows/${id}`)
export const readWorkflows = () => readAll<WorkflowRow>('/workflows')
export const readVersion = (id: string, number: number) => get<Version>(`/workflows/${id}/versions/${number}`)
export const pauseWorkflow = (id: string) => post<WorkflowRow>(`/workflows/${id}/pause`)
export const resumeWorkflow = (id: string) => post<WorkflowRow>(`/workflows/${id}/resume`)
export const restoreWorkflow = (id: string) => post<WorkflowRow>(`/workflows/${id}/restore`)
export const renameWorkflow = (id: string, name: string) => patch<Workflow>(`/workflows/${id}`, { name })
export const saveDraft = (id: string, graph: Graph, revision: number) =>
  put<{ revision: number }>(`/workflows/${id}/draft`, { graph, revision })
export const publish = (id: string) =>
  post<{ version: number; triggers: PublishedTrigger[] }>(`/workflows/${id}/publish`)

const secretsOf = (workflow: string, node: string) => `/workflows/${workflow}/webhooks/${node}/secrets`
export const readWebhookSecrets = async (workflow: string, node: string) =>
  (await get<{ items: WebhookSecret[] }>(secretsOf(workflow, node))).items
export const makeWebhookSecret = (
  workflow: string,
  node: string,
  kind: WebhookSecret['kind'],
  secret: string | null,
  old_valid_for_s: number,
) =>
  post<WebhookSecret & { secret: string | null }>(secretsOf(workflow, node), {
    kind,
    secret,
    old_valid_for_s,
  })
export const removeWebhookSecret = (workflow: string, node: string, id: string) =>
  request<void>('DELETE', `${secretsOf(workflow, node)}/${id}`)

export const lookNow = (workflow: string, node: string) =>
  post<NonNullable<Trigger['watch']>>(`/workflows/${workflow}/watches/${node}/look`)

export const startRun = (workflow: string, input: unknown, trigger: string) =>
  post<Run>(`/workflows/${workflow}/runs`, { input, trigger, draft: true })
export const readRun = (id: string) => get<RunDetail>(`/runs/${id}`)
export const readSteps = async (id: string) => (await get<List<Step>>(`/runs/${id}/steps`)).items
export const readEvents = async (id: string, after: number) =>
  (await get<List<RunEvent>>(`/runs/${id}/events?after=${after}`)).items
export const cancelRun = (id: string) => post<Run>(`/runs/${id}/cancel`)
export const pauseRun = (id: string) => post<Run>(`/runs/${id}/pause`)
export const resumeRun = (id: string) => post<Run>(`/runs/${id}/resume`)
export const retryRun = (id: string) => post<Run>(`/runs/${id}/retry`)
export const replayRun = (
  id: string,
  body: { from?: string; data?: Record<string, unknown>; version?: number | 'draft' },
) => post<Run>(`/runs/${id}/replay`, body)
export const settleStep = (id: string, path: string, outcome: string, output?: unknown) =>
  post<Run>(`/runs/${id}/steps/${path.split('/').map(encodeURIComponent).join('/')}/settle`, {
    outcome,
    output,
  })
export const lastRuns = async (workflow: string) =>
  (await get<List<Run>>(`/runs?workflow=${workflow}&limit=1`)).items

export const readServers = async () => (await get<List<McpServer>>('/mcp-servers')).items
export const readTools = async (server: string) =>
  (await get<List<Tool>>(`/mcp-servers/${server}/tools`)).items
export const readResources = async (server: string) =>
  (await get<List<Resource>>(`/mcp-servers/${server}/resources`)).items
export const readPrompts = async (server: string) =>
  (await get<List<Prompt>>(`/mcp-servers/${server}/prompts`)).items
export const suggestValues = (
  server: string,
  body: { kind: string; name: string; argument: string; value: string; given: Record<string, string> },
) => post<{ values: string[]; has_more: boolean }>(`/mcp-servers/${server}/suggestions`, body)
export const readModels = async () => (await get<List<ModelConnection>>('/model-connections')).items
export const readMembers = async () => (await get<List<Member>>('/members')).items
