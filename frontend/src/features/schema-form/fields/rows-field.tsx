/** Choices, branches, named values, facts to show: rows with an id that is made from the title once. */
import { ChevronDown, ChevronUp, Plus, Trash2 } from 'lucide-react'
import { useGraph } from '../../../app/store/graph'
import { dropPorts } from '../../../shared/graph/edit'
import { freeId } from '../../../shared/graph/ids'
import { ExpressionField } from '../../expression/expression-field'
import { RulesEditor } from '../../rules/rules-editor'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'

type Row = Record<string, unknown> & { id?: string; title?: string }

const WORD: Record<string, string> = {
  choices: 'choice',
  branches: 'branch',
  values: 'value',
  shown: 'fact',
  decision_rules: 'rule',
}

export function RowsField({ schema, path, value, label, required, onChange }: SharedProps) {
  const form = useForm()
  const kind = schema['x-widget'] ?? 'choices'
  const rows = Array.isArray(value) ? (value as Row[]) : []
  const isExit = kind === 'choices' || kind === 'branches'
  const word = WORD[kind] ?? 'row'
  const ids = rows.map(row => row.id ?? '')
  const set = (index: number, change: Row) =>
    onChange(rows.map((row, at) => (at === index ? { ...row, ...change } : row)))
  const add = () => {
    if (kind === 'shown') return onChange([...rows, { label: '', value: '' }])
    if (kind === 'decision_rules') return onChange([...rows, { when: '{{ true }}', choice: '' }])
    const id = freeId(`${word} ${rows.length + 1}`, ids, word)
    const title = `${word.charAt(0).toUpperCase()}${word.slice(1)} ${rows.length + 1}`
    if (kind === 'values') return onChange([...rows, { id, value: '' }])
    onChange([...rows, kind === 'branches' ? { id, title, when: { all: [] } } : { id, title }])
  }
  const remove = (index: number) => {
    const gone = rows[index]?.id
    onChange(rows.filter((_, at) => at !== index))
    if (isExit && gone) useGraph.getState().change(graph => dropPorts(graph, form.node, [gone]), 'rows')
  }
  const swap = (index: number, by: number) => {
    const next = [...rows]
    const [moved] = next.splice(index, 1)
    next.splice(index + by, 0, moved!)
    onChange(next)
  }
  return (
    <FieldFrame path={path} label={label} hint={schema.description} required={required} group>
      {rows.map((row, index) => (
        <div key={row.id ?? index} className="row-card">
          <div className="row-head">
            <RowTitle
              kind={kind}
              row={row}
              path={`${path}/${index}`}
              label={`${word} ${index + 1}`}
              onChange={change => set(index, change)}
            />
            {form.readOnly ? null : (
              <span className="row-tools">
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`Move ${word} ${index + 1} up`}
                  disabled={index === 0}
                  onClick={() => swap(index, -1)}
                >
                  <ChevronUp aria-hidden />
                </button>
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`Move ${word} ${index + 1} down`}
                  disabled={index === rows.length - 1}
                  onClick={() => swap(index, 1)}
                >
                  <ChevronDown aria-hidden />
                </button>
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`Remove ${word} ${index + 1}`}
                  onClick={() => remove(index)}
                >
                  <Trash2 aria-hidden />
                </button>
              </span>
            )}
          </div>
          <RowBody kind={kind} row={row} path={`${path}/${index}`} onChange={change => set(index, change)} />
        </div>
      ))}
      {form.readOnly ? null : (
        <button type="button" className="add-button" onClick={add}>
          <Plus aria-hidden /> Add {word}
        </button>
      )}
    </FieldFrame>
  )
}

function RowTitle({
  kind,
  row,
  path,
  label,
  onChange,
}: {
  kind: string
  row: Row
  path: string
  label: string
  onChange: (change: Row) => void
}) {
  const form = useForm()
  const key =
    kind === 'shown' ? 'label' : kind === 'values' ? 'id' : kind === 'decision_rules' ? 'choice' : 'title'
  const words =
    kind === 'values'
      ? 'Name'
      : kind === 'decision_rules'
        ? 'Then choose (id)'
        : kind === 'shown'
          ? 'Label'
          : 'Title'
  return (
    <input
      id={fieldId(`${path}/${key}`)}
      className="input input-sm"
      aria-label={`${words} of ${label}`}
      placeholder={words}
      value={String(row[key] ?? '')}
      readOnly={form.readOnly}
      onChange={event => {
        const text = event.target.value
        onChange({ [key]: kind === 'values' ? text.toLowerCase().replace(/[^a-z0-9_]/g, '_') : text })
      }}
      onBlur={() => kind !== 'values' && settleId(form.node, kind, row)}
    />
  )
}

/** A new choice gets its id from its title, as long as nothing is connected to it. */
function settleId(node: string, kind: string, row: Row): void {
  if (kind !== 'choices' && kind !== 'branches') return
  const { graph, change } = useGraph.getState()
  const title = String(row.title ?? '')
  const isConnected = graph.edges.some(edge => edge.source === node && edge.port === row.id)
  const isFresh = new RegExp(`^${kind === 'choices' ? 'choice' : 'branch'}_\\d+$`).test(row.id ?? '')
  if (!title || isConnected || !isFresh) return
  change(
    current => ({
      ...current,
      nodes: current.nodes.map(item => {
        if (item.id !== node) return item
        const rows = item.config[kind] as Row[]
        const others = rows.filter(other => other.id !== row.id).map(other => other.id ?? '')
        const id = freeId(title, others, kind === 'choices' ? 'choice' : 'branch')
        return {
          ...item,
          config: {
            ...item.config,
            [kind]: rows.map(other => (other.id === row.id ? { ...other, id } : other)),
          },
        }
      }),
    }),
    'rows',
  )
}

function RowBody({
  kind,
  row,
  path,
  onChange,
}: {
  kind: string
  row: Row
  path: string
  onChange: (change: Row) => void
}) {
  const form = useForm()
  const isDecision =
    useGraph(store => store.graph.nodes.find(node => node.id === form.node)?.type) === 'llm_decision'
  if (kind === 'branches')
    return (
      <RulesEditor
        node={form.node}
        path={`${path}/when`}
        value={row.when}
        onChange={when => onChange({ when })}
      />
    )
  if (kind === 'choices' && isDecision)
    return (
      <textarea
        className="textarea textarea-sm"
        rows={2}
        aria-label={`Description of ${row.title || 'choice'}`}
        placeholder="When is this the answer? The model reads this."
        value={String(row.description ?? '')}
        readOnly={form.readOnly}
        onChange={event => onChange({ description: event.target.value })}
      />
    )
  if (kind === 'values' || kind === 'shown' || kind === 'decision_rules') {
    const key = kind === 'decision_rules' ? 'when' : 'value'
    const given = row[key]
    return (
      <FieldFrame path={`${path}/${key}`} label={kind === 'decision_rules' ? 'When' : 'Value'}>
        <ExpressionField
          id={fieldId(`${path}/${key}`)}
          label={`Value of ${row.id ?? row.label ?? 'row'}`}
          node={form.node}
          value={
            typeof given === 'string'
              ? given
              : given === undefined || given === null
                ? ''
                : JSON.stringify(given)
          }
          readOnly={form.readOnly}
          onChange={next => onChange({ [key]: next })}
        />
      </FieldFrame>
    )
  }
  return null
}
