/** What people fill in, or what a model is to find: title, kind, whether it is needed. */
import { Plus, Trash2 } from 'lucide-react'
import { freeId } from '../../../shared/graph/ids'
import { FieldFrame, FieldProblems, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'

type Choice = { id: string; title?: string }
type Row = {
  id: string
  title?: string
  kind?: string
  description?: string
  required?: boolean
  choices?: Choice[]
}

const KINDS: [string, string][] = [
  ['text', 'Text'],
  ['long_text', 'Long text'],
  ['number', 'Number'],
  ['boolean', 'Yes or no'],
  ['date', 'Date'],
  ['datetime', 'Date and time'],
  ['email', 'E-mail'],
  ['phone', 'Phone'],
  ['url', 'Web address'],
  ['choice', 'One of several'],
  ['multi_choice', 'Several of several'],
]

export function FieldsField({ schema, path, value, label, required, onChange }: SharedProps) {
  const form = useForm()
  const rows = Array.isArray(value) ? (value as Row[]) : []
  const set = (index: number, change: Partial<Row>) =>
    onChange(rows.map((row, at) => (at === index ? { ...row, ...change } : row)))
  const others = (index: number) => rows.filter((_, at) => at !== index).map(row => row.id)
  return (
    <FieldFrame path={path} label={label} hint={schema.description} required={required} group>
      {rows.map((row, index) => (
        <div key={row.id} className="row-card">
          <div className="row-head">
            <input
              id={fieldId(`${path}/${index}/title`)}
              className="input input-sm"
              aria-label={`Name of field ${index + 1}`}
              placeholder="Name, for example Order number"
              value={row.title ?? ''}
              readOnly={form.readOnly}
              onChange={event => set(index, { title: event.target.value })}
              onBlur={() => {
                if (row.title && /^field_\d+$/.test(row.id))
                  set(index, { id: freeId(row.title, others(index), 'field') })
              }}
            />
            <select
              className="select select-sm"
              aria-label={`Kind of ${row.title || row.id}`}
              disabled={form.readOnly}
              value={row.kind ?? 'text'}
              onChange={event => set(index, { kind: event.target.value })}
            >
              {KINDS.map(([kind, words]) => (
                <option key={kind} value={kind}>
                  {words}
                </option>
              ))}
            </select>
            {form.readOnly ? null : (
              <button
                type="button"
                className="icon-button"
                aria-label={`Remove ${row.title || row.id}`}
                onClick={() => onChange(rows.filter((_, at) => at !== index))}
              >
                <Trash2 aria-hidden />
              </button>
            )}
          </div>
          {row.kind === 'choice' || row.kind === 'multi_choice' ? (
            <div data-field={`${path}/${index}/choices`}>
              <input
                className="input input-sm"
                aria-label={`Choices of ${row.title || row.id}`}
                placeholder="Choices, separated by commas"
                defaultValue={(row.choices ?? []).map(choice => choice.title || choice.id).join(', ')}
                readOnly={form.readOnly}
                onBlur={event => set(index, { choices: choicesFrom(event.target.value) })}
              />
              <FieldProblems path={`${path}/${index}/choices`} />
            </div>
          ) : null}
          <label className="check-line">
            <input
              type="checkbox"
              className="checkbox checkbox-xs"
              checked={row.required ?? false}
              disabled={form.readOnly}
              onChange={event => set(index, { required: event.target.checked })}
            />
            needed
          </label>
        </div>
      ))}
      {form.readOnly ? null : (
        <button
          type="button"
          className="add-button"
          onClick={() =>
            onChange([
              ...rows,
              {
                id: freeId(
                  `field ${rows.length + 1}`,
                  rows.map(row => row.id),
                  'field',
                ),
                title: '',
                kind: 'text',
              },
            ])
          }
        >
          <Plus aria-hidden /> Add field
        </button>
      )}
    </FieldFrame>
  )
}

function choicesFrom(text: string): Choice[] {
  const taken: string[] = []
  return text
    .split(',')
    .map(part => part.trim())
    .filter(Boolean)
    .map(title => {
      const id = freeId(title, taken, 'choice')
      taken.push(id)
      return { id, title }
    })
}
