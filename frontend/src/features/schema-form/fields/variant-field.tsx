/** One of several shapes: a select above the fields of the chosen one. */
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import { resolved } from '../resolve'
import type { SharedProps } from '../schema-field'
import { SchemaForm } from '../schema-form'

export function VariantField({ schema, root, path, value, label, free, required, onChange }: SharedProps) {
  const form = useForm()
  const options = (schema.oneOf ?? []).map(option => resolved(option, root))
  const given = (value ?? {}) as Record<string, unknown>
  const fits = (index: number) =>
    Object.entries(options[index]?.properties ?? {}).every(
      ([name, own]) => own.const === undefined || own.const === given[name],
    )
  const current = Math.max(
    options.findIndex((_, index) => fits(index)),
    0,
  )
  const chosen = options[current] ?? {}
  const constants = (index: number) =>
    Object.fromEntries(
      Object.entries(options[index]?.properties ?? {})
        .filter(([, own]) => own.const !== undefined)
        .map(([name, own]) => [name, own.const]),
    )
  const open = Object.fromEntries(
    Object.entries(chosen.properties ?? {}).filter(([, own]) => own.const === undefined),
  )
  return (
    <FieldFrame path={path} label={label} hint={schema.description} required={required}>
      <select
        id={fieldId(path)}
        className="select"
        disabled={form.readOnly}
        value={current}
        onChange={event => onChange(constants(Number(event.target.value)))}
      >
        {options.map((option, index) => (
          <option key={index} value={index}>
            {option.title ?? String(Object.values(constants(index))[0] ?? `Variant ${index + 1}`)}
          </option>
        ))}
      </select>
      <div className="nested">
        <SchemaForm
          schema={{ ...chosen, properties: open }}
          root={root}
          path={path}
          free={free}
          value={given}
          onChange={next => onChange({ ...constants(current), ...next })}
        />
      </div>
    </FieldFrame>
  )
}
