/** Another workflow of the workspace, and what its form asks for. */
import { useQuery } from '@tanstack/react-query'
import { readVersion, readWorkflows } from '../../../api/requests'
import type { Schema } from '../../../api/types'
import { useGraph } from '../../../app/store/graph'
import { setConfig } from '../../../shared/graph/edit'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'
import { SchemaForm } from '../schema-form'

type FormField = { id: string; title?: string; kind?: string; description?: string; required?: boolean }

const useWorkflows = () => useQuery({ queryKey: ['workflows'], queryFn: readWorkflows, staleTime: 30_000 })

export function WorkflowField({ schema, path, value, label, required }: SharedProps) {
  const form = useForm()
  const own = useGraph(store => store.workflow)
  const { data = [], isPending } = useWorkflows()
  const others = data.filter(row => row.id !== own)
  const known = others.some(row => row.slug === value)
  return (
    <FieldFrame path={path} label={label} hint={schema.description} required={required}>
      <select
        id={fieldId(path)}
        className="select"
        disabled={form.readOnly}
        value={String(value ?? '')}
        onChange={event => {
          const workflow = event.target.value
          useGraph.getState().change(graph => setConfig(graph, form.node, { workflow, input: {} }))
        }}
      >
        <option value="">{isPending ? 'Loading…' : 'Choose a workflow…'}</option>
        {others.map(row => (
          <option key={row.slug} value={row.slug}>
            {row.name}
            {row.live_version === null ? ' (not published)' : ''}
          </option>
        ))}
        {value && !known && !isPending ? (
          <option value={String(value)}>{String(value)} (not there)</option>
        ) : null}
      </select>
    </FieldFrame>
  )
}

/** A form like the one that a person would fill in to start the other workflow. */
export function WorkflowInput(props: SharedProps) {
  const form = useForm()
  const slug = useGraph(store => store.graph.nodes.find(node => node.id === form.node)?.config.workflow)
  const row = useWorkflows().data?.find(workflow => workflow.slug === slug)
  const version = row?.live_version ?? null
  const { data } = useQuery({
    queryKey: ['version', row?.id, version],
    queryFn: () => readVersion(row!.id, version!),
    enabled: Boolean(row) && version !== null,
    staleTime: 60_000,
  })
  if (!slug) return null
  const trigger = data?.graph.nodes.find(node => node.type === 'manual_trigger')
  if (row && version === null)
    return <p className="field-hint">“{row.name}” is not published yet. Publish it, then say what it gets.</p>
  if (!data) return null
  if (!trigger) return <p className="field-hint">“{row?.name}” has no form that it could be started with.</p>
  const fields = (trigger.config.fields ?? []) as FormField[]
  if (fields.length === 0) return <p className="field-hint">Its form asks for nothing.</p>
  return (
    <fieldset className="arguments">
      <legend>{props.label}</legend>
      <SchemaForm
        schema={formSchema(fields)}
        path={props.path}
        free
        value={(props.value as Record<string, unknown>) ?? {}}
        onChange={props.onChange}
      />
    </fieldset>
  )
}

const TYPES: Record<string, Schema> = {
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  multi_choice: { type: 'array', items: { type: 'string' } },
}

function formSchema(fields: FormField[]): Schema {
  return {
    type: 'object',
    properties: Object.fromEntries(
      fields.map(field => [
        field.id,
        {
          ...(TYPES[field.kind ?? 'text'] ?? { type: 'string' }),
          title: field.title ?? field.id,
          description: field.description,
        },
      ]),
    ),
    required: fields.filter(field => field.required).map(field => field.id),
  }
}
