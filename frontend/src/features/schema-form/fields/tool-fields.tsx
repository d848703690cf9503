/** Server, tool, and the arguments in a form made from the tool's own schema. */
import { useQuery } from '@tanstack/react-query'
import { readServers, readTools } from '../../../api/requests'
import { useGraph } from '../../../app/store/graph'
import { nodeType } from '../../../app/store/session'
import { setConfig } from '../../../shared/graph/edit'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'
import { SchemaForm } from '../schema-form'
import { JsonField } from './json-field'

const OF_SERVER = new Set(['tool', 'arguments', 'uri', 'variables', 'prompt'])

export const useServers = () => useQuery({ queryKey: ['servers'], queryFn: readServers, staleTime: 15_000 })

export function useTools(slug: string) {
  const servers = useServers()
  const server = servers.data?.find(row => row.slug === slug)
  const tools = useQuery({
    queryKey: ['tools', server?.id],
    queryFn: () => readTools(server!.id),
    enabled: Boolean(server),
    staleTime: 15_000,
  })
  return {
    server,
    tools: tools.data ?? [],
    loading: servers.isPending || (Boolean(server) && tools.isPending),
  }
}

const useConfig = (node: string): Record<string, unknown> =>
  useGraph(store => store.graph.nodes.find(item => item.id === node)?.config) ?? {}

export function ServerField({ path, value, label, required }: SharedProps) {
  const form = useForm()
  const { data = [], isPending } = useServers()
  const known = data.some(row => row.slug === value)
  const node = useGraph(store => store.graph.nodes.find(item => item.id === form.node))
  // What was chosen of another server begins anew.
  const begun = Object.fromEntries(
    Object.entries(nodeType(node?.type)?.default_config ?? {}).filter(([name]) => OF_SERVER.has(name)),
  )
  const others = node?.config ?? {}
  return (
    <FieldFrame
      path={path}
      label={label}
      required={required}
      hint={
        data.length === 0 && !isPending
          ? 'No MCP server is connected yet. Add one under MCP servers.'
          : undefined
      }
    >
      <select
        id={fieldId(path)}
        className="select"
        disabled={form.readOnly}
        value={String(value ?? '')}
        onChange={event => {
          const server = event.target.value
          useGraph.getState().change(graph => setConfig(graph, form.node, { ...others, ...begun, server }))
        }}
      >
        <option value="">Choose a server…</option>
        {data.map(row => (
          <option key={row.slug} value={row.slug}>
            {row.name}
            {row.status === 'error' ? ' (cannot connect)' : ''}
          </option>
        ))}
        {value && !known ? <option value={String(value)}>{String(value)} (not registered)</option> : null}
      </select>
    </FieldFrame>
  )
}

export function ToolField({ path, value, label, required, onChange }: SharedProps) {
  const form = useForm()
  const config = useConfig(form.node)
  const { tools, loading } = useTools(String(config.server ?? ''))
  const chosen = tools.find(tool => tool.name === value)
  if (!config.server) return null
  return (
    <FieldFrame path={path} label={label} required={required} hint={chosen?.description}>
      <select
        id={fieldId(path)}
        className="select"
        disabled={form.readOnly || loading}
        value={String(value ?? '')}
        onChange={event => onChange(event.target.value)}
      >
        <option value="">{loading ? 'Loading…' : 'Choose a tool…'}</option>
        {tools.map(tool => (
          <option key={tool.name} value={tool.name}>
            {tool.title || tool.name}
            {tool.enabled ? '' : ' (not allowed yet)'}
          </option>
        ))}
        {value && !chosen ? <option value={String(value)}>{String(value)} (not listed)</option> : null}
      </select>
    </FieldFrame>
  )
}

export function ToolArguments(props: SharedProps) {
  const form = useForm()
  const config = useConfig(form.node)
  const { tools } = useTools(String(config.server ?? ''))
  const tool = tools.find(row => row.name === config.tool)
  if (!config.tool) return null
  if (!tool?.input_schema.properties)
    return tool && !Object.keys(tool.input_schema).some(key => key !== 'type' && key !== '$schema') ? null : (
      <JsonField {...props} />
    )
  if (Object.keys(tool.input_schema.properties).length === 0)
    return <p className="field-hint">This tool takes no arguments.</p>
  return (
    <fieldset className="arguments">
      <legend>Arguments</legend>
      <SchemaForm
        schema={tool.input_schema}
        path={props.path}
        free
        value={(props.value as Record<string, unknown>) ?? {}}
        onChange={props.onChange}
      />
    </fieldset>
  )
}
