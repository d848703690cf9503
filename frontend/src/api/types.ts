/** Shapes of the REST API, as the editor and the run view use them. */
import type { Graph } from '../shared/graph/document'
import type { components } from './schema'

type Api = components['schemas']

export type Schema = {
  type?: string | string[]
  title?: string
  description?: string
  default?: unknown
  enum?: unknown[]
  const?: unknown
  format?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  additionalProperties?: boolean | Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  $ref?: string
  $defs?: Record<string, Schema>
  'x-expression'?: boolean | 'lazy' | 'body' | 'own'
  'x-widget'?: string
  'x-placeholder'?: string
  'x-wants'?: string
  'x-advanced'?: boolean
  'x-enum-titles'?: string[]
}

export type PortRule = { name?: string; title?: string; each?: string; needs?: string[] }

export type NodeType = {
  name: string
  version: number
  title: string
  description: string
  group: string
  icon: string
  summary: string
  is_trigger: boolean
  is_end: boolean
  is_container: boolean
  expands: boolean
  ports: PortRule[]
  has_error_port: boolean
  config: Schema
  default_config: Record<string, unknown>
  settings: string[]
}

export type LanguageFunction = { name: string; signature: string; description: string; example: string }
export type NodeTypes = { items: NodeType[]; functions: LanguageFunction[] }

export type Problem = {
  node: string | null
  field: string | null
  code: string
  message: string
  severity: 'error' | 'warning'
  fix?: string
}

export type Described = {
  ports: { name: string; title: string; takable: boolean }[]
  output: Schema | null
  before: string[]
  /** The steps directly in a container. */
  inside: string[]
  /** What `item` is: for the fields of a loop over a list over its body, else for the step; null where there is none. */
  item: Schema | null
  trigger: Schema | null
  /** Of a trigger that looks for itself: field -> the names that it reads instead of all that. */
  names?: Record<string, Record<string, Schema>>
  hint?: string | null
  example?: Record<string, unknown> | null
}

export type Checked = { problems: Problem[]; nodes: Record<string, Described> }

/** `held_up_by` is told of a run that is looked at by itself. */
export type Run = Api['RunOut'] & Partial<Pick<Api['RunDetailOut'], 'held_up_by' | 'retried_by'>>
export type RunDetail = Api['RunDetailOut']
export type RunError = Api['ErrorOut']
export type Step = Api['StepOut']
export type RunEvent = Api['EventOut']
export type Trigger = Api['TriggerOut']
export type PublishedTrigger = Api['PublishedTriggerOut']
export type WebhookSecret = Api['WebhookKeyOut']
export type WorkflowRow = Api['WorkflowRow']
export type Workflow = Omit<Api['WorkflowOut'], 'graph'> & { graph: Graph }
export type Version = Omit<Api['VersionOut'], 'graph'> & { graph: Graph }
export type McpServer = Api['McpServerOut']
export type Tool = Omit<Api['ToolOut'], 'input_schema' | 'output_schema'> & {
  input_schema: Schema
  output_schema: Schema | null
}
export type Resource = Api['ResourceOut']
export type Prompt = Api['PromptOut']
export type ModelConnection = Api['ModelConnectionOut']
export type Member = Api['MemberOut']
