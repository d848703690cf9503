/** The workspace's default model, or one of its connections. */
import { useQuery } from '@tanstack/react-query'
import { readModels } from '../../../api/requests'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'

export function ModelField({ path, value, label, onChange }: SharedProps) {
  const form = useForm()
  const { data = [] } = useQuery({ queryKey: ['models'], queryFn: readModels, staleTime: 30_000 })
  const standard = data.find(row => row.is_default)
  const chosen = String(value ?? 'default')
  const options = data.flatMap(row =>
    row.models.map(model => [`${row.slug}/${model}`, `${row.name}: ${model}`] as const),
  )
  const isKnown = chosen === 'default' || options.some(([reference]) => reference === chosen)
  const active = chosen === 'default' ? standard : data.find(row => chosen.startsWith(`${row.slug}/`))
  const hint = active?.is_demo
    ? 'Rule-based and offline: good for trying things out, no real model. Add one under Model connections.'
    : undefined
  return (
    <FieldFrame path={path} label={label} hint={hint}>
      <select
        id={fieldId(path)}
        className="select"
        disabled={form.readOnly}
        value={chosen}
        onChange={event => onChange(event.target.value)}
      >
        <option value="default">
          {standard ? `Default (${standard.name}: ${standard.default_model})` : 'Default (none is set yet)'}
        </option>
        {options.map(([reference, words]) => (
          <option key={reference} value={reference}>
            {words}
          </option>
        ))}
        {isKnown ? null : <option value={chosen}>{chosen} (not registered)</option>}
      </select>
    </FieldFrame>
  )
}
