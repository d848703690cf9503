/** A condition in three parts, as people choose it, and the expression that it stands for. */
import { onlyExpression } from '../../shared/graph/templates'

export type Condition = { left: string; op: string; right: string }

const COMPARED = ['==', '!=', '>=', '<=', '>', '<'] as const

/** What an operator is called; the last two look at one value alone. */
export const OPERATORS: [string, string][] = [
  ['==', 'is'],
  ['!=', 'is not'],
  ['>', 'is more than'],
  ['>=', 'is at least'],
  ['<', 'is less than'],
  ['<=', 'is at most'],
  ['yes', 'is yes'],
  ['no', 'is no'],
]

export const standsAlone = (op: string): boolean => op === 'yes' || op === 'no'

const PATH = /^[a-z_]\w*(?:\.\??\w+|\[(?:\d+|"[^"\\]*")\])*$/i
const LITERAL = /^(?:"(?:[^"\\]|\\["\\])*"|-?\d+(?:\.\d+)?|true|false)$/

/** The parts of an expression that is simple enough to have them; nothing for any other. */
export function parseCondition(text: string): Condition | null {
  const inner = onlyExpression(text.trim())?.trim()
  if (text.trim() === '' || inner === '') return { left: '', op: '==', right: '' }
  if (inner === undefined) return null
  if (PATH.test(inner)) return { left: inner, op: 'yes', right: '' }
  if (inner.startsWith('!') && PATH.test(inner.slice(1))) return { left: inner.slice(1), op: 'no', right: '' }
  for (const op of COMPARED) {
    const at = inner.indexOf(` ${op} `)
    const left = inner.slice(0, at).trim()
    const right = inner.slice(at + op.length + 2).trim()
    if (at > 0 && PATH.test(left) && LITERAL.test(right)) return { left, op, right: shown(right) }
  }
  return null
}

const shown = (literal: string): string =>
  literal.startsWith('"') ? literal.slice(1, -1).replace(/\\(["\\])/g, '$1') : literal

/** "{{ steps.check.status == "done" }}"; what looks like a number, or like true or false, is one. */
export function conditionText({ left, op, right }: Condition): string {
  if (!left) return ''
  if (op === 'yes') return `{{ ${left} }}`
  if (op === 'no') return `{{ !${left} }}`
  const literal = /^(-?\d+(\.\d+)?|true|false)$/.test(right.trim())
    ? right.trim()
    : `"${right.replace(/["\\]/g, '\\$&')}"`
  return `{{ ${left} ${op} ${literal} }}`
}
