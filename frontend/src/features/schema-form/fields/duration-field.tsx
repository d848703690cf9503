/** Seconds, entered as a number and a unit. */
import { useState } from 'react'
import { hasParts } from '../../../shared/graph/templates'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import { FromData, ModeSwitch, type SharedProps } from '../schema-field'

const UNITS: [number, string][] = [
  [86400, 'days'],
  [3600, 'hours'],
  [60, 'minutes'],
  [1, 'seconds'],
]

export function DurationField(props: SharedProps) {
  const { schema, path, value, label, dynamic, required, onChange } = props
  const form = useForm()
  const given = typeof value === 'number' ? value : null
  const isZeroUsual = schema.default === 0
  // What holds where nothing is filled in.
  const usual = typeof schema.default === 'number' && schema.default > 0 ? schema.default : null
  const [unit, setUnit] = useState(
    () =>
      UNITS.find(([size]) => (given || usual) && (given || usual!) % size === 0)?.[0] ??
      (isZeroUsual ? 1 : 3600),
  )
  if (hasParts(value)) return <FromData {...props} />
  return (
    <FieldFrame
      path={path}
      label={label}
      hint={schema.description}
      required={required}
      side={dynamic ? <ModeSwitch mode="fixed" onData={() => onChange('{{  }}')} /> : null}
    >
      <div className="pair">
        <input
          id={fieldId(path)}
          className="input num"
          type="number"
          min={0}
          step="any"
          placeholder={
            schema['x-placeholder'] ?? (usual ? String(usual / unit) : isZeroUsual ? 'none' : 'no limit')
          }
          value={given === null ? '' : given / unit}
          readOnly={form.readOnly}
          onChange={event => {
            const number = event.target.valueAsNumber
            onChange(Number.isNaN(number) ? undefined : number * unit)
          }}
        />
        <select
          className="select"
          aria-label={`Unit of ${label}`}
          disabled={form.readOnly}
          value={unit}
          onChange={event => {
            const next = Number(event.target.value)
            if (given !== null) onChange((given / unit) * next)
            setUnit(next)
          }}
        >
          {UNITS.map(([size, word]) => (
            <option key={size} value={size}>
              {word}
            </option>
          ))}
        </select>
      </div>
    </FieldFrame>
  )
}
