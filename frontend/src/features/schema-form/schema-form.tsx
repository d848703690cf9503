/** A form from a JSON Schema: required and filled fields first, the rest under "More options". */
import { useState } from 'react'
import type { Schema } from '../../api/types'
import { resolved } from './resolve'
import { SchemaField } from './schema-field'

export function SchemaForm({
  schema,
  root = schema,
  value,
  path = '',
  free = false,
  onChange,
}: {
  schema: Schema
  root?: Schema
  value: Record<string, unknown>
  path?: string
  free?: boolean
  onChange: (value: Record<string, unknown>) => void
}) {
  const [more, setMore] = useState(false)
  const names = Object.keys(schema.properties ?? {})
  const required = new Set(schema.required ?? [])
  const isLater = (name: string): boolean => {
    const own = resolved(schema.properties![name]!, root)
    const filled = value[name] !== undefined && value[name] !== null
    if (own['x-advanced']) return true
    return free && !required.has(name) && !filled && names.length > 6
  }
  const first = names.filter(name => !isLater(name))
  const later = names.filter(isLater)
  const field = (name: string) => (
    <SchemaField
      key={name}
      name={name}
      schema={schema.properties![name]!}
      root={root}
      path={path ? `${path}/${name}` : name}
      value={value[name]}
      required={required.has(name)}
      free={free}
      onChange={next => {
        const { [name]: _, ...rest } = value
        onChange(next === undefined ? rest : { ...value, [name]: next })
      }}
    />
  )
  return (
    <>
      {first.map(field)}
      {later.length ? (
        <>
          <button type="button" className="more-button" aria-expanded={more} onClick={() => setMore(!more)}>
            {more ? 'Fewer options' : `More options (${later.length})`}
          </button>
          {more ? later.map(field) : null}
        </>
      ) : null}
    </>
  )
}
