/** Data that only this step reads, such as what its tool gives: chosen from a list, or typed as an expression. */
import { Braces } from 'lucide-react'
import { ExpressionField } from '../../expression/expression-field'
import { useDataPaths } from '../../expression/use-data-paths'
import { RulesEditor } from '../../rules/rules-editor'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'

const OFFERED = 6
const isList = (kind: string) => kind === 'list' || kind === 'any'
const isPlain = (kind: string) => kind === 'text' || kind === 'number'

export function OwnDataField({ schema, path, value, label, required, onChange }: SharedProps) {
  const form = useForm()
  const { flat } = useDataPaths(form.node)
  const text = typeof value === 'string' ? value : ''
  const fits = schema['x-wants'] === 'array' ? isList : isPlain
  const offered = flat.filter(data => fits(data.kind) && data.label !== 'Everything').slice(0, OFFERED)
  return (
    <FieldFrame path={path} label={label} hint={schema.description} required={required}>
      <ExpressionField
        id={fieldId(path)}
        label={label}
        node={form.node}
        value={text}
        placeholder={schema['x-placeholder']}
        readOnly={form.readOnly}
        invalid={form.problems.some(problem => problem.field === path && problem.severity === 'error')}
        onChange={onChange}
      />
      {text === '' && offered.length && !form.readOnly ? (
        <ul className="source-list" aria-label={`Data for ${label}`}>
          {offered.map(data => (
            <li key={data.path}>
              <button type="button" data-path={data.path} onClick={() => onChange(`{{ ${data.path} }}`)}>
                <Braces aria-hidden />
                <span className="grow">{data.label}</span>
                <span className="sub">{data.kind}</span>
              </button>
            </li>
          ))}
        </ul>
      ) : null}
    </FieldFrame>
  )
}

export function OwnRulesField({ schema, path, value, label, onChange }: SharedProps) {
  const form = useForm()
  return (
    <FieldFrame path={`${path}/`} label={label} hint={schema.description} group>
      <RulesEditor
        node={form.node}
        path={path}
        value={value ?? undefined}
        onChange={next => onChange(isEmpty(next) ? undefined : next)}
      />
    </FieldFrame>
  )
}

/** Rules without a rule let everything pass, as no filter does. */
function isEmpty(rules: unknown): boolean {
  if (rules === '') return true
  const { all, any } = (rules ?? {}) as { all?: unknown[]; any?: unknown[] }
  return typeof rules === 'object' && !all?.length && !any?.length
}
