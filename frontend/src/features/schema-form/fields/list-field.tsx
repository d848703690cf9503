/** A list: chips for fixed options, rows for everything else. */
import { Plus, Trash2 } from 'lucide-react'
import type { Schema } from '../../../api/types'
import { FieldFrame } from '../field'
import { useForm } from '../form-context'
import { controlOf, resolved } from '../resolve'
import { ModeSwitch, SchemaField, type SharedProps } from '../schema-field'

const EMPTY: Record<string, unknown> = { text: '', number: 0, boolean: false, object: {}, list: [] }

export function ListField({
  schema,
  root,
  path,
  value,
  label,
  dynamic,
  free,
  required,
  onChange,
}: SharedProps) {
  const form = useForm()
  const items = Array.isArray(value) ? value : []
  const item: Schema = resolved(schema.items ?? {}, root)
  const side = dynamic ? <ModeSwitch mode="fixed" onData={() => onChange('{{  }}')} /> : null
  if (item.enum)
    return (
      <FieldFrame path={path} label={label} hint={schema.description} required={required} side={side} group>
        <div className="segments is-wrapping">
          {item.enum.map(option => (
            <button
              key={String(option)}
              type="button"
              aria-pressed={items.includes(option)}
              disabled={form.readOnly}
              onClick={() =>
                onChange(
                  items.includes(option) ? items.filter(entry => entry !== option) : [...items, option],
                )
              }
            >
              {String(option)}
            </button>
          ))}
        </div>
      </FieldFrame>
    )
  return (
    <FieldFrame path={path} label={label} hint={schema.description} required={required} side={side} group>
      {items.map((entry, index) => (
        <div key={index} className="list-item">
          <div className="grow">
            <SchemaField
              name={`${index + 1}`}
              schema={{ ...item, title: `${item.title ?? label} ${index + 1}` }}
              root={root}
              path={`${path}/${index}`}
              value={entry}
              free={free}
              required
              onChange={next => onChange(items.map((old, at) => (at === index ? (next ?? '') : old)))}
            />
          </div>
          {form.readOnly ? null : (
            <button
              type="button"
              className="icon-button"
              aria-label={`Remove ${label} ${index + 1}`}
              onClick={() => onChange(items.filter((_, at) => at !== index))}
            >
              <Trash2 aria-hidden />
            </button>
          )}
        </div>
      ))}
      {form.readOnly ? null : (
        <button
          type="button"
          className="add-button"
          onClick={() => onChange([...items, EMPTY[controlOf(item)] ?? ''])}
        >
          <Plus aria-hidden /> Add
        </button>
      )}
    </FieldFrame>
  )
}
