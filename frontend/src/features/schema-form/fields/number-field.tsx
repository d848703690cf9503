import { numberFrom } from '../../../shared/exact-json'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import { ModeSwitch, type SharedProps } from '../schema-field'

export function NumberField({ schema, path, value, label, dynamic, required, onChange }: SharedProps) {
  const form = useForm()
  const isShare = schema['x-widget'] === 'share'
  const given = typeof value === 'number' ? (isShare ? Math.round(value * 100) : value) : ''
  const shown = typeof value === 'bigint' ? String(value) : given
  return (
    <FieldFrame
      path={path}
      label={isShare ? `${label} (%)` : label}
      hint={schema.description}
      required={required}
      side={dynamic ? <ModeSwitch mode="fixed" onData={() => onChange('{{  }}')} /> : null}
    >
      <input
        id={fieldId(path)}
        className="input num"
        type="number"
        step="any"
        min={isShare ? 0 : schema.minimum}
        max={isShare ? 100 : schema.maximum}
        placeholder={typeof schema.default === 'number' && !isShare ? String(schema.default) : undefined}
        value={shown}
        readOnly={form.readOnly}
        onChange={event => {
          const { value: text, valueAsNumber: number } = event.target
          if (Number.isNaN(number)) onChange(undefined)
          else onChange(isShare ? number / 100 : numberFrom(text))
        }}
      />
    </FieldFrame>
  )
}
