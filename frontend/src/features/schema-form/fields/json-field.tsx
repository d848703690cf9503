/** The honest fallback: JSON as text, kept until it is valid. */
import { useEffect, useState } from 'react'
import { parseJson } from '../../../shared/exact-json'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'

const shown = (value: unknown): string =>
  value === undefined || value === null ? '' : JSON.stringify(value, null, 2)

export function JsonField({ schema, path, value, label, required, onChange }: SharedProps) {
  const form = useForm()
  const [text, setText] = useState(shown(value))
  const [wrong, setWrong] = useState(false)
  useEffect(() => {
    setText(old => {
      try {
        return JSON.stringify(parseJson(old || 'null')) === JSON.stringify(value ?? null) ? old : shown(value)
      } catch {
        return old
      }
    })
  }, [value])
  return (
    <FieldFrame path={path} label={label} hint={schema.description} required={required}>
      <textarea
        id={fieldId(path)}
        className="textarea mono"
        rows={4}
        spellCheck={false}
        placeholder="{ }"
        value={text}
        readOnly={form.readOnly}
        onChange={event => {
          setText(event.target.value)
          if (event.target.value.trim() === '') {
            setWrong(false)
            onChange(undefined)
            return
          }
          try {
            onChange(parseJson(event.target.value))
            setWrong(false)
          } catch {
            setWrong(true)
          }
        }}
      />
      {wrong ? <p className="field-error">This is not JSON yet; the last valid value is kept.</p> : null}
    </FieldFrame>
  )
}
