/** The values of a sample as texts to edit, and the texts as values of the sample's types again. */
import { parseJson } from '../../shared/exact-json'
import type { FieldRow } from './form-answers'

export type Sample = Record<string, unknown>

export const isSample = (value: unknown): value is Sample =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const textsOf = (sample: Sample): Record<string, string> =>
  Object.fromEntries(Object.entries(sample).map(([name, value]) => [name, textOf(value)]))

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return value === null || value === undefined ? '' : JSON.stringify(value)
}

/** What is no text in the sample is read as JSON; what cannot be read stays a text. */
export const valuesFrom = (texts: Record<string, string>, sample: Sample): Sample =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, typedAs(text, sample[name])]))

function typedAs(text: string, was: unknown): unknown {
  if (text === '' && was === null) return null
  if (typeof was === 'string' || was === null || was === undefined) return text
  try {
    return parseJson(text)
  } catch {
    return text
  }
}

/** What a box of the form has to take for a value of the sample. */
export function kindOf(value: unknown): FieldRow['kind'] {
  if (typeof value === 'number' || typeof value === 'bigint') return 'number'
  if (typeof value === 'boolean') return 'boolean'
  return isSample(value) || Array.isArray(value) ? 'long_text' : undefined
}
