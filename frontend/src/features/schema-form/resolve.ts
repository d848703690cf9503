/** Reading JSON Schemas for forms: references opened, null taken out, the kind of control found. */
import type { Schema } from '../../api/types'

export function resolved(schema: Schema, root: Schema): Schema {
  let current = schema
  for (let step = 0; step < 10; step += 1) {
    if (current.$ref?.startsWith('#/$defs/')) {
      const { $ref: reference, ...own } = current
      current = { ...(root.$defs?.[reference!.slice(8)] ?? {}), ...own }
      continue
    }
    const options =
      current.anyOf ?? (current.oneOf?.some(option => option.type === 'null') ? current.oneOf : undefined)
    const real = options?.filter(option => option.type !== 'null')
    if (options && real?.length === 1) {
      const { anyOf: _any, oneOf: _one, ...own } = current
      current = { ...real[0]!, ...own }
      continue
    }
    return current
  }
  return current
}

export type Control =
  | 'text'
  | 'number'
  | 'boolean'
  | 'choice'
  | 'multi'
  | 'list'
  | 'object'
  | 'variant'
  | 'json'

export function controlOf(schema: Schema): Control {
  const type = Array.isArray(schema.type) ? schema.type.find(kind => kind !== 'null') : schema.type
  if (schema.enum) return 'choice'
  if (schema.oneOf?.length) return 'variant'
  if (type === 'boolean') return 'boolean'
  if (type === 'number' || type === 'integer') return 'number'
  if (type === 'string') return 'text'
  if (type === 'array') return schema.items?.enum ? 'multi' : 'list'
  if (schema.properties) return 'object'
  return 'json'
}

export const titleOf = (name: string, schema: Schema): string => {
  if (schema.title) return schema.title
  const plain = name
    .replace(/[_-]+/g, ' ')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
  return plain.charAt(0).toUpperCase() + plain.slice(1)
}
