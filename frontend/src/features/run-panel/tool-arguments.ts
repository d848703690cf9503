/** The arguments of a tool trigger as a form, made from their JSON Schema. */
import { parseJson } from '../../shared/exact-json'
import type { FieldRow } from './form-answers'

type ArgumentSchema = {
  type?: string | string[]
  title?: string
  description?: string
  enum?: unknown[]
  format?: string
  items?: ArgumentSchema
}
export type ArgumentsSchema = { properties?: Record<string, ArgumentSchema>; required?: string[] }

const FORMATS: Record<string, string> = { date: 'date', 'date-time': 'datetime', email: 'email', uri: 'url' }

const typeOf = (schema: ArgumentSchema): string | undefined =>
  Array.isArray(schema.type) ? schema.type.find(name => name !== 'null') : schema.type

export function argumentRows(schema: ArgumentsSchema): FieldRow[] {
  return Object.entries(schema.properties ?? {}).map(([id, argument]) => {
    const row = {
      id,
      title: argument.title ?? id,
      description: argument.description,
      required: schema.required?.includes(id) ?? false,
    }
    if (argument.enum)
      return { ...row, kind: 'choice', choices: argument.enum.map(value => ({ id: String(value) })) }
    const type = typeOf(argument)
    if (type === 'number' || type === 'integer') return { ...row, kind: 'number' }
    if (type === 'boolean') return { ...row, kind: 'boolean' }
    if (type === 'string') return { ...row, kind: FORMATS[argument.format ?? ''] ?? 'text' }
    const several = argument.items?.enum
    if (type === 'array' && several?.every(value => typeof value === 'string'))
      return { ...row, kind: 'multi_choice', choices: several.map(id => ({ id })) }
    return { ...row, title: `${row.title} (JSON)`, kind: 'long_text' }
  })
}

/** What was typed, as the schema wants it; what was left empty is left out, what cannot be read stays a text. */
export function argumentsFrom(
  values: Record<string, string>,
  schema: ArgumentsSchema,
): Record<string, unknown> {
  const given = Object.entries(values).filter(([, text]) => text !== '')
  return Object.fromEntries(given.map(([id, text]) => [id, typed(text, schema.properties?.[id] ?? {})]))
}

function typed(text: string, schema: ArgumentSchema): unknown {
  if (schema.enum) return schema.enum.find(value => String(value) === text) ?? text
  if (typeOf(schema) === 'string') return text
  try {
    return parseJson(text)
  } catch {
    return text
  }
}
