/** Texts with `{{ }}` parts, cut where the server cuts them (`runtime/graph/templates.py`). */

const OPENING = '{{'
const CLOSING = '}}'
/** The longest expression that the server reads. */
const MAX_LENGTH = 4096
/** Braces among others in a string literal or a comment end nothing, so these are read as wholes. */
const TOKEN = new RegExp(
  [
    String.raw`\s+|\/\/[^\n]*`,
    String.raw`[rR](?:'''.*?'''|""".*?"""|'[^'\n]*'|"[^"\n]*")`,
    String.raw`'''(?:\\.|[^\\])*?'''|"""(?:\\.|[^\\])*?"""|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"`,
    '[A-Za-z0-9_]+',
    String.raw`[-+*\/%<>!=&|?:.,()[\]{}]`,
  ].join('|'),
  'sy',
)

/** A stretch of a text as it is written, and the expression between its braces if it is a part. */
export type Piece = { text: string; expression: string | null }

/** Whether a value is a text with at least one `{{`. */
export const hasParts = (value: unknown): boolean => typeof value === 'string' && value.includes(OPENING)

/** The pieces of a text in order. Braces that open no readable part are plain text, and parts behind them are found. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let plain = 0
  let opening = text.indexOf(OPENING)
  while (opening >= 0) {
    const start = opening + OPENING.length
    const end = closingOf(text, start)
    if (end !== null) {
      if (opening > plain) found.push({ text: text.slice(plain, opening), expression: null })
      plain = end + CLOSING.length
      found.push({ text: text.slice(opening, plain), expression: text.slice(start, end) })
    }
    opening = text.indexOf(OPENING, end === null ? start : plain)
  }
  if (plain < text.length) found.push({ text: text.slice(plain), expression: null })
  return found
}

/** The expression of a text that is exactly one part, without a character around it. */
export function onlyExpression(text: string): string | null {
  const [first, ...others] = pieces(text)
  return others.length ? null : (first?.expression ?? null)
}

/** Whether what comes after a text stands inside of a part that is not closed yet. */
export function endsInPart(text: string): boolean {
  const last = pieces(text).at(-1)
  return last?.expression === null && hasParts(last.text)
}

/** The text with every part replaced by what `change` makes of it. */
export const replaceParts = (text: string, change: (part: string, expression: string) => string): string =>
  pieces(text)
    .map(piece => (piece.expression === null ? piece.text : change(piece.text, piece.expression)))
    .join('')

/** Where the `}}` stands that ends the expression beginning at `start`: the first that closes no brace of its own. */
function closingOf(text: string, start: number): number | null {
  let depth = 0
  TOKEN.lastIndex = start
  while (TOKEN.lastIndex <= start + MAX_LENGTH) {
    const position = TOKEN.lastIndex
    if (depth === 0 && text[position] === '}') return text.startsWith(CLOSING, position) ? position : null
    const token = TOKEN.exec(text)?.[0]
    if (token === undefined) return null
    if (token === '{') depth += 1
    if (token === '}') depth -= 1
  }
  return null
}
