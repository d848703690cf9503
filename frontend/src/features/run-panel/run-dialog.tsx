/** Try the draft: the trigger's input in a form, remembered for the next time. */
import { Play } from 'lucide-react'
import { useMemo, useState } from 'react'
import { ApiError } from '../../api/client'
import { startRun } from '../../api/requests'
import type { Described } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { useRun } from '../../app/store/run'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { parseJson } from '../../shared/exact-json'
import type { GraphNode } from '../../shared/graph/document'
import { Dialog } from '../../shared/ui/dialog'
import { AnswerField } from './answer-field'
import { answersFrom, type FieldRow } from './form-answers'
import { isSample, kindOf, type Sample, textsOf, valuesFrom } from './sample-values'
import { type ArgumentsSchema, argumentRows, argumentsFrom } from './tool-arguments'

type Values = Record<string, string>

const memory = (workflow: string, trigger: string) => `patchbay.input.${workflow}.${trigger}`

function guessedBody(node: GraphNode): Record<string, unknown> {
  const sample = node.config.sample
  if (sample && typeof sample === 'object') return sample as Record<string, unknown>
  const text = JSON.stringify(useGraph.getState().graph.nodes.map(item => item.config))
  const names = [...text.matchAll(/trigger\.body\.\??([A-Za-z_]\w*)/g)].map(match => match[1]!)
  const found = Object.fromEntries([...new Set(names)].map(name => [name, '']))
  return Object.keys(found).length ? found : { message: '' }
}

function read(json: string): unknown {
  try {
    return parseJson(json)
  } catch {
    return undefined
  }
}

export function RunDialog({ onClose }: { onClose: () => void }) {
  const graph = useGraph(store => store.graph)
  const triggers = graph.nodes.filter(node => nodeType(node.type)?.is_trigger && !node.settings?.disabled)
  const [chosen, setChosen] = useState(triggers[0]?.id ?? '')
  const trigger = triggers.find(node => node.id === chosen)
  const described = useView(store => store.described[chosen])
  return (
    <Dialog title="Try the workflow" onClose={onClose}>
      {triggers.length > 1 ? (
        <div className="field">
          <label htmlFor="trigger">Start with</label>
          <select
            id="trigger"
            className="select"
            value={chosen}
            onChange={event => setChosen(event.target.value)}
          >
            {triggers.map(node => (
              <option key={node.id} value={node.id}>
                {node.title || nodeType(node.type)?.title}
              </option>
            ))}
          </select>
        </div>
      ) : null}
      {trigger ? (
        <TriggerForm
          key={`${trigger.id} ${Boolean(described?.example)}`}
          trigger={trigger}
          described={described}
          onClose={onClose}
        />
      ) : (
        <p>Add a trigger first, or switch one on: the step that starts the workflow.</p>
      )}
    </Dialog>
  )
}

function TriggerForm({
  trigger,
  described,
  onClose,
}: {
  trigger: GraphNode
  described: Described | undefined
  onClose: () => void
}) {
  const workflow = useGraph(store => store.workflow)
  const isWebhook = trigger.type === 'webhook_trigger'
  const fields = (trigger.config.fields as FieldRow[] | undefined) ?? []
  // What only Patchbay itself gives, such as a due time: an example, new each time.
  const example = described?.example
  const isPosted = isWebhook || Boolean(example)
  const tool =
    trigger.type === 'tool_trigger' ? ((trigger.config.input_schema ?? {}) as ArgumentsSchema) : null
  const start: unknown = useMemo(() => {
    if (example) return example
    const kept = localStorage.getItem(memory(workflow, trigger.id))
    if (kept) {
      try {
        return parseJson(kept) as unknown
      } catch {
        localStorage.removeItem(memory(workflow, trigger.id))
      }
    }
    return isWebhook ? guessedBody(trigger) : {}
  }, [workflow, trigger, isWebhook, example])
  const isFlat =
    isSample(start) && Object.values(start).every(value => typeof value !== 'object' || value === null)
  // What the form began with: its values say of what types the typed ones are.
  const [sample, setSample] = useState<Sample>(isSample(start) ? start : {})
  const [values, setValues] = useState<Values>(() => textsOf(sample))
  const [json, setJson] = useState(isPosted && !isFlat ? JSON.stringify(start, null, 2) : '')
  const [asJson, setAsJson] = useState(isPosted && !isFlat)
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)

  const titles = described?.output?.properties
  const rows: FieldRow[] = isPosted
    ? Object.keys(values).map(id => ({
        id,
        title: (example && titles?.[id]?.title) || id,
        kind: kindOf(sample[id]),
      }))
    : tool
      ? argumentRows(tool)
      : fields
  const editAsJson = () => {
    setJson(JSON.stringify(valuesFrom(values, sample), null, 2))
    setAsJson(true)
  }
  const editAsForm = () => {
    const body = read(json)
    if (!isSample(body)) {
      setProblem('A form can show only a JSON object. Check commas and quotes, or keep it as JSON.')
      return
    }
    setProblem('')
    setSample(body)
    setValues(textsOf(body))
    setAsJson(false)
  }
  const submit = async () => {
    // What is left empty of an example is filled in by the server.
    let body: Record<string, unknown> = example
      ? valuesFrom(Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '')), sample)
      : tool
        ? argumentsFrom(values, tool)
        : isWebhook
          ? valuesFrom(values, sample)
          : answersFrom(values, fields)
    if (asJson) {
      try {
        body = parseJson(json) as Record<string, unknown>
      } catch {
        setProblem('This is not JSON. Check commas and quotes.')
        return
      }
    }
    setBusy(true)
    setProblem('')
    try {
      await useGraph.getState().saveAll()
      const run = await startRun(workflow, isWebhook ? { body } : body, trigger.id)
      if (!example) localStorage.setItem(memory(workflow, trigger.id), JSON.stringify(tool ? values : body))
      useRun.getState().watch(run)
      onClose()
    } catch (error) {
      const known = error instanceof ApiError ? error : null
      const details = known?.details.fields as { field: string; message: string }[] | undefined
      setProblem(
        [known?.message ?? String(error), ...(details ?? []).map(row => `${row.field}: ${row.message}`)].join(
          ' ',
        ),
      )
      if (known?.code === 'invalid_graph') useView.getState().set({ showProblems: true })
    } finally {
      setBusy(false)
    }
  }
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        void submit()
      }}
    >
      <p className="field-hint dialog-lead">
        {isWebhook
          ? 'This stands for what another system would post.'
          : example
            ? 'This stands for what the trigger gives when it starts a run by itself.'
            : tool
              ? 'What a caller of the tool would give.'
              : 'What a person would fill in.'}{' '}
        The draft runs for real: tools are called.
      </p>
      {asJson ? (
        <div className="field">
          <label htmlFor="body">{isWebhook ? 'Body as JSON' : 'What it gives, as JSON'}</label>
          <textarea
            id="body"
            className="textarea mono"
            rows={8}
            value={json}
            onChange={event => setJson(event.target.value)}
          />
        </div>
      ) : (
        rows.map(row => (
          <AnswerField
            key={row.id}
            row={row}
            value={values[row.id] ?? ''}
            onChange={value => setValues({ ...values, [row.id]: value })}
          />
        ))
      )}
      {rows.length === 0 && !asJson ? <p className="sub">This trigger asks for nothing.</p> : null}
      {isWebhook ? (
        <button type="button" className="link-button" onClick={asJson ? editAsForm : editAsJson}>
          {asJson ? 'Edit as form' : 'Edit as JSON'}
        </button>
      ) : null}
      {problem ? (
        <div className="notice" data-kind="error" role="alert">
          <span className="grow">{problem}</span>
        </div>
      ) : null}
      <footer className="sheet-foot">
        <button type="submit" className="btn btn-primary" disabled={busy}>
          <Play aria-hidden /> {busy ? 'Starting…' : 'Start run'}
        </button>
      </footer>
    </form>
  )
}
