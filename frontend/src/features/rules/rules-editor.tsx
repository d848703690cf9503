/** Conditions as rows: what · how · with what; or an expression typed by hand. */
import { Plus, Trash2 } from 'lucide-react'
import { hasParts } from '../../shared/graph/templates'
import { ExpressionField } from '../expression/expression-field'
import { fieldId } from '../schema-form/field'
import { useForm } from '../schema-form/form-context'

type Rule = { left?: string; op?: string; right?: unknown }
type Rules = { all?: Rule[]; any?: Rule[] }

const OPERATORS: [string, string][] = [
  ['equals', 'is'],
  ['not_equals', 'is not'],
  ['contains', 'contains'],
  ['not_contains', 'does not contain'],
  ['starts_with', 'begins with'],
  ['ends_with', 'ends with'],
  ['greater', 'is more than'],
  ['greater_or_equal', 'is at least'],
  ['less', 'is less than'],
  ['less_or_equal', 'is at most'],
  ['is_empty', 'is empty'],
  ['is_not_empty', 'is not empty'],
  ['is_true', 'is yes'],
  ['is_false', 'is no'],
  ['is_one_of', 'is one of'],
  ['matches', 'matches pattern'],
  ['exists', 'is there'],
]
const ALONE = new Set(['is_empty', 'is_not_empty', 'is_true', 'is_false', 'exists'])
const NUMERIC = new Set(['greater', 'greater_or_equal', 'less', 'less_or_equal'])

/** "5" beside "is more than" is a number; "a, b" beside "is one of" a list. */
function literal(text: string, operator: string): unknown {
  if (hasParts(text)) return text
  if (operator === 'is_one_of')
    return text
      .split(',')
      .map(part => part.trim())
      .filter(Boolean)
  if (NUMERIC.has(operator) && text.trim() !== '' && !Number.isNaN(Number(text))) return Number(text)
  if (operator === 'equals' || operator === 'not_equals') {
    if (text === 'true' || text === 'false') return text === 'true'
    if (/^-?\d+(\.\d+)?$/.test(text.trim()) && !/^0\d/.test(text.trim())) return Number(text)
  }
  return text
}

const shown = (value: unknown): string =>
  Array.isArray(value) ? value.join(', ') : value === undefined || value === null ? '' : String(value)

export function RulesEditor({
  node,
  path,
  value,
  onChange,
}: {
  node: string
  path: string
  value: unknown
  onChange: (value: unknown) => void
}) {
  const form = useForm()
  const own = form.problems.filter(problem => problem.field === path)
  const complaints = own.map(problem => (
    <p key={problem.message} className="field-error">
      {problem.message}
    </p>
  ))
  if (typeof value === 'string')
    return (
      <div className="rules" data-field={path}>
        <ExpressionField
          id={fieldId(path)}
          label="Condition"
          node={node}
          value={value}
          readOnly={form.readOnly}
          onChange={onChange}
        />
        {complaints}
        {form.readOnly ? null : (
          <button type="button" className="link-button" onClick={() => onChange({ all: [] })}>
            Use rules instead
          </button>
        )}
      </div>
    )
  const rules = (value as Rules | undefined) ?? { all: [] }
  const mode = rules.any ? 'any' : 'all'
  const rows = rules[mode] ?? []
  const give = (next: Rule[], kind = mode) => onChange({ [kind]: next })
  const set = (index: number, change: Rule) =>
    give(rows.map((row, at) => (at === index ? { ...row, ...change } : row)))
  return (
    <div className="rules" data-field={path}>
      {rows.length > 1 ? (
        <div className="segments is-small">
          <button
            type="button"
            aria-pressed={mode === 'all'}
            disabled={form.readOnly}
            onClick={() => give(rows, 'all')}
          >
            All of these
          </button>
          <button
            type="button"
            aria-pressed={mode === 'any'}
            disabled={form.readOnly}
            onClick={() => give(rows, 'any')}
          >
            Any of these
          </button>
        </div>
      ) : null}
      {rows.map((row, index) => (
        <div key={index} className="rule-row">
          <ExpressionField
            id={fieldId(`${path}/${index}/left`)}
            label={`What rule ${index + 1} looks at`}
            node={node}
            value={row.left ?? ''}
            placeholder="Choose data…"
            readOnly={form.readOnly}
            whole
            onChange={left => set(index, { left })}
          />
          <div className="pair">
            <select
              className="select select-sm"
              aria-label={`How rule ${index + 1} compares`}
              disabled={form.readOnly}
              value={row.op ?? 'equals'}
              onChange={event => set(index, { op: event.target.value })}
            >
              {OPERATORS.map(([op, words]) => (
                <option key={op} value={op}>
                  {words}
                </option>
              ))}
            </select>
            {ALONE.has(row.op ?? 'equals') ? null : (
              <input
                className="input input-sm"
                aria-label={`Value of rule ${index + 1}`}
                placeholder={row.op === 'is_one_of' ? 'a, b, c' : 'Value'}
                value={shown(row.right)}
                readOnly={form.readOnly}
                onChange={event => set(index, { right: literal(event.target.value, row.op ?? 'equals') })}
              />
            )}
            {form.readOnly ? null : (
              <button
                type="button"
                className="icon-button"
                aria-label={`Remove rule ${index + 1}`}
                onClick={() => give(rows.filter((_, at) => at !== index))}
              >
                <Trash2 aria-hidden />
              </button>
            )}
          </div>
        </div>
      ))}
      {complaints}
      {form.readOnly ? null : (
        <div className="pair">
          <button
            type="button"
            className="add-button"
            onClick={() => give([...rows, { left: '', op: 'equals', right: '' }])}
          >
            <Plus aria-hidden /> Add rule
          </button>
          <button type="button" className="link-button" onClick={() => onChange('{{ true }}')}>
            Write an expression
          </button>
        </div>
      )}
    </div>
  )
}
