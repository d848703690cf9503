import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import { ModeSwitch, type SharedProps } from '../schema-field'

const SEGMENTS_UP_TO = 3

export function ChoiceField({ schema, path, value, label, dynamic, required, onChange }: SharedProps) {
  const form = useForm()
  const isBoolean = !schema.enum
  const options = isBoolean ? [true, false] : (schema.enum ?? []).filter(option => option !== null)
  const titles = isBoolean
    ? ['Yes', 'No']
    : options.map((option, index) => schema['x-enum-titles']?.[index] ?? String(option).replace(/_/g, ' '))
  const chosen = value ?? schema.default
  const side = dynamic ? <ModeSwitch mode="fixed" onData={() => onChange('{{  }}')} /> : null
  if (options.length <= SEGMENTS_UP_TO)
    return (
      <FieldFrame path={path} label={label} hint={schema.description} required={required} side={side} group>
        <div className="segments">
          {options.map((option, index) => (
            <button
              key={String(option)}
              type="button"
              aria-pressed={chosen === option}
              disabled={form.readOnly}
              onClick={() =>
                onChange(chosen === option && !required && schema.default === undefined ? undefined : option)
              }
            >
              {titles[index]}
            </button>
          ))}
        </div>
      </FieldFrame>
    )
  return (
    <FieldFrame path={path} label={label} hint={schema.description} required={required} side={side}>
      <select
        id={fieldId(path)}
        className="select"
        disabled={form.readOnly}
        value={chosen === undefined ? '' : String(chosen)}
        onChange={event => onChange(options.find(option => String(option) === event.target.value))}
      >
        <option value="">Choose…</option>
        {options.map((option, index) => (
          <option key={String(option)} value={String(option)}>
            {titles[index]}
          </option>
        ))}
      </select>
    </FieldFrame>
  )
}
