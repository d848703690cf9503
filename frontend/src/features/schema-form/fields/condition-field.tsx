/** A condition over the body of a loop: data, a comparison and a value; or an expression typed by hand. */
import { useState } from 'react'
import { ExpressionField } from '../../expression/expression-field'
import { type Condition, conditionText, OPERATORS, parseCondition, standsAlone } from '../condition'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'

export function ConditionField({ schema, path, value, label, required, onChange }: SharedProps) {
  const form = useForm()
  const text = typeof value === 'string' ? value : value === undefined ? '' : `{{ ${String(value)} }}`
  const [byHand, setByHand] = useState(false)
  // While no data is chosen, the comparison is kept here: it has no expression yet.
  const [draft, setDraft] = useState<Condition>({ left: '', op: 'yes', right: '' })
  const parsed = byHand ? null : parseCondition(text)
  const condition = parsed?.left ? parsed : draft
  const give = (change: Partial<Condition>) => {
    const next = { ...condition, ...change }
    setDraft(next)
    onChange(conditionText(next) || undefined)
  }
  const invalid = form.problems.some(problem => problem.field === path && problem.severity === 'error')
  if (!parsed)
    return (
      <FieldFrame path={path} label={label} hint={schema.description} required={required}>
        <ExpressionField
          id={fieldId(path)}
          label={label}
          node={form.node}
          value={text}
          placeholder="{{ … }} that gives true or false"
          readOnly={form.readOnly}
          invalid={invalid}
          onChange={next => onChange(next === '' ? undefined : next)}
        />
        {form.readOnly || (text !== '' && !parseCondition(text)) ? null : (
          <button type="button" className="link-button" onClick={() => setByHand(false)}>
            Choose instead
          </button>
        )}
      </FieldFrame>
    )
  return (
    <FieldFrame path={path} label={label} hint={schema.description} required={required}>
      <ExpressionField
        id={fieldId(path)}
        label={label}
        node={form.node}
        value={condition.left ? `{{ ${condition.left} }}` : ''}
        placeholder="Choose data…"
        readOnly={form.readOnly}
        invalid={invalid}
        whole
        onChange={next => {
          const chosen = parseCondition(next)
          if (chosen && (standsAlone(chosen.op) || !chosen.left)) give({ left: chosen.left })
          else {
            setByHand(true)
            onChange(next)
          }
        }}
      />
      <div className="pair">
        <select
          className="select select-sm"
          aria-label={`How ${label} compares`}
          disabled={form.readOnly}
          value={condition.op}
          onChange={event => give({ op: event.target.value })}
        >
          {OPERATORS.map(([op, words]) => (
            <option key={op} value={op}>
              {words}
            </option>
          ))}
        </select>
        {standsAlone(condition.op) ? null : (
          <input
            className="input input-sm"
            aria-label={`Value of ${label}`}
            placeholder="Value"
            value={condition.right}
            readOnly={form.readOnly}
            onChange={event => give({ right: event.target.value })}
          />
        )}
      </div>
      {form.readOnly ? null : (
        <button type="button" className="link-button" onClick={() => setByHand(true)}>
          Write an expression
        </button>
      )}
    </FieldFrame>
  )
}
