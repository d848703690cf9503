/** A list that a loop goes through: the lists of earlier steps to choose from, or an expression, or typed in. */
import { List } from 'lucide-react'
import type { DataPath } from '../../expression/data-paths'
import { ExpressionField } from '../../expression/expression-field'
import { useDataPaths } from '../../expression/use-data-paths'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import { ModeSwitch, type SharedProps } from '../schema-field'

const LISTS_SHOWN = 8

/** Data that is a list, by its schema or as the last run gave it; then what may be one, because nobody knows. */
function listsFirst(data: DataPath[]): DataPath[] {
  const isList = (item: DataPath) =>
    item.last === undefined ? item.kind === 'list' : Array.isArray(item.last)
  return [
    ...data.filter(isList),
    ...data.filter(item => item.kind === 'any' && item.last === undefined && item.label !== 'Everything'),
  ]
}

export function ListSourceField({ schema, path, value, label, required, onChange }: SharedProps) {
  const form = useForm()
  const { flat } = useDataPaths(form.node)
  const text = typeof value === 'string' ? value : ''
  const lists = listsFirst(flat).slice(0, LISTS_SHOWN)
  return (
    <FieldFrame
      path={path}
      label={label}
      hint={schema.description}
      required={required}
      side={<ModeSwitch mode="data" onFixed={() => onChange([''])} />}
    >
      <ExpressionField
        id={fieldId(path)}
        label={label}
        node={form.node}
        value={text}
        placeholder="Choose a list…"
        readOnly={form.readOnly}
        invalid={form.problems.some(problem => problem.field === path && problem.severity === 'error')}
        whole
        onChange={next => onChange(next === '' ? [] : next)}
      />
      {text === '' && lists.length && !form.readOnly ? (
        <ul className="source-list" aria-label="Lists of earlier steps">
          {lists.map(data => (
            <li key={data.path}>
              <button type="button" data-path={data.path} onClick={() => onChange(`{{ ${data.path} }}`)}>
                <List aria-hidden />
                <span className="grow">
                  {data.source} › {data.label}
                </span>
                {Array.isArray(data.last) ? <span className="sub num">{data.last.length}</span> : null}
              </button>
            </li>
          ))}
        </ul>
      ) : null}
    </FieldFrame>
  )
}
