/** Fields of forms: what was typed or chosen, kept as texts, as the answers that the fields ask for. */

export type FieldRow = {
  id: string
  title?: string
  description?: string
  kind?: string
  required?: boolean
  choices?: { id: string; title?: string }[]
}

/** The choices that a text holds as a JSON list; those that are not offered any more are left out. */
export function chosenIn(text: string, choices: { id: string }[]): string[] {
  try {
    const kept: unknown = JSON.parse(text)
    return choices.map(choice => choice.id).filter(id => Array.isArray(kept) && kept.includes(id))
  } catch {
    return []
  }
}

/** The text for a list of choices; none chosen is an empty answer like any other. */
export const chosenText = (ids: string[]): string => (ids.length ? JSON.stringify(ids) : '')

/** What a form is sent: fields that it does not have any more are left out, and files, which nobody can give. */
export function answersFrom(texts: Record<string, string>, fields: FieldRow[]): Record<string, unknown> {
  const asked = fields.filter(field => field.kind !== 'file' && field.id in texts)
  return Object.fromEntries(asked.map(field => [field.id, answerTo(field, texts[field.id]!)]))
}

function answerTo(field: FieldRow, text: string): unknown {
  const choices = field.choices ?? []
  if (field.kind === 'multi_choice') return chosenIn(text, choices)
  // What was remembered may have been taken from the choices since.
  return field.kind === 'choice' && !choices.some(choice => choice.id === text) ? '' : text
}
