/** A time zone by its name, with every name that the browser knows as a suggestion. */
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'

export function TimezoneField({ schema, path, value, label, onChange }: SharedProps) {
  const form = useForm()
  const list = `${fieldId(path)}-zones`
  return (
    <FieldFrame path={path} label={label} hint={schema.description}>
      <input
        id={fieldId(path)}
        className="input"
        list={list}
        value={typeof value === 'string' ? value : ''}
        readOnly={form.readOnly}
        placeholder={schema['x-placeholder']}
        onChange={event => onChange(event.target.value.trim() || undefined)}
      />
      <datalist id={list}>
        {Intl.supportedValuesOf('timeZone').map(zone => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </FieldFrame>
  )
}
