/** A prompt of a server, and a field for each of its arguments. */
import { readPrompts } from '../../../api/requests'
import { useGraph } from '../../../app/store/graph'
import { setConfig } from '../../../shared/graph/edit'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'
import { useListed } from './listed'
import { SuggestedGroup } from './suggested-group'

const usePrompts = (slug: string) => useListed(slug, 'prompts', readPrompts)

export function PromptField({ path, value, label, required }: SharedProps) {
  const form = useForm()
  const config = useGraph(store => store.graph.nodes.find(item => item.id === form.node)?.config) ?? {}
  const { rows, loading, server } = usePrompts(String(config.server ?? ''))
  const chosen = rows.find(row => row.name === value)
  if (!config.server) return null
  return (
    <FieldFrame
      path={path}
      label={label}
      required={required}
      hint={
        chosen?.description ||
        (!loading && rows.length === 0 ? `${server?.name ?? 'This server'} lists no prompts.` : undefined)
      }
    >
      <select
        id={fieldId(path)}
        className="select"
        disabled={form.readOnly || loading}
        value={String(value ?? '')}
        onChange={event => {
          const prompt = event.target.value
          useGraph
            .getState()
            .change(graph => setConfig(graph, form.node, { ...config, prompt, arguments: {} }))
        }}
      >
        <option value="">{loading ? 'Loading…' : 'Choose a prompt…'}</option>
        {rows.map(row => (
          <option key={row.name} value={row.name}>
            {row.title || row.name}
          </option>
        ))}
        {value && !chosen && !loading ? (
          <option value={String(value)}>{String(value)} (not listed)</option>
        ) : null}
      </select>
    </FieldFrame>
  )
}

export function PromptArguments({ path, label, value, onChange }: SharedProps) {
  const form = useForm()
  const config = useGraph(store => store.graph.nodes.find(item => item.id === form.node)?.config) ?? {}
  const { rows, server } = usePrompts(String(config.server ?? ''))
  const prompt = rows.find(row => row.name === config.prompt)
  const values = (value as Record<string, unknown> | undefined) ?? {}
  if (!prompt || !server) return null
  if (prompt.arguments.length === 0) return <p className="field-hint">This prompt takes no arguments.</p>
  return (
    <SuggestedGroup
      path={path}
      label={label}
      parts={prompt.arguments}
      values={values}
      about={{ server: server.id, kind: 'prompt', name: prompt.name }}
      onChange={onChange}
    />
  )
}
