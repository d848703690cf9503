/** A time zone as a field of a step. */
import { ZoneInput } from '../../../shared/ui/zone-input'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'

export function TimezoneField({ schema, path, value, label, onChange }: SharedProps) {
  const form = useForm()
  return (
    <FieldFrame path={path} label={label} hint={schema.description}>
      <ZoneInput
        id={fieldId(path)}
        value={typeof value === 'string' ? value : undefined}
        readOnly={form.readOnly}
        placeholder={schema['x-placeholder']}
        onChange={onChange}
      />
    </FieldFrame>
  )
}
