/** Run again from one step: on which version, and with which data of the steps before it. */
import { useState } from 'react'
import { ApiError } from '../../api/client'
import { replayRun } from '../../api/requests'
import type { Run, Step } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { useRun } from '../../app/store/run'
import { nodeType } from '../../app/store/session'
import { parseJson } from '../../shared/exact-json'
import { type Graph, nodeOf } from '../../shared/graph/document'
import { iterationsAround, nodeOfPath, prefixOf } from '../../shared/graph/run-paths'
import { Dialog } from '../../shared/ui/dialog'
import { openRun } from './run-actions'

const hasFailed = (step: Step) => step.status === 'failed'
const textOf = (step: Step) => (hasFailed(step) ? '' : JSON.stringify(step.output, null, 2))

/** The steps right before one whose outcome a new run takes over. */
export const settledBefore = (graph: Graph, steps: Step[], step: Step) =>
  steps.filter(
    other =>
      (other.status === 'succeeded' || hasFailed(other)) &&
      other.ports.length > 0 &&
      prefixOf(other.path) === prefixOf(step.path) &&
      graph.edges.some(edge => edge.target === step.node && edge.source === other.node),
  )

export function ReplayDialog({ run, step, onClose }: { run: Run; step: Step; onClose: () => void }) {
  const graph = useGraph(store => store.graph)
  const steps = useRun(store => store.steps)
  const nameOf = (node: string) =>
    nodeOf(graph, node)?.title || nodeType(nodeOf(graph, node)?.type)?.title || node
  const titleOf = (other: Step) => nameOf(other.node)
  const around = iterationsAround(step.path).map(
    ({ container, index }) => `iteration ${index + 1} of “${nameOf(nodeOfPath(container))}”`,
  )
  const before = settledBefore(graph, steps, step)
  const [texts, setTexts] = useState<Record<string, string>>(() =>
    Object.fromEntries(before.map(other => [other.path, textOf(other)])),
  )
  const [version, setVersion] = useState('same')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const start = async () => {
    const data: Record<string, unknown> = {}
    for (const other of before) {
      const text = texts[other.path] ?? ''
      if (text.trim() === textOf(other)) continue
      try {
        data[other.path] = parseJson(text)
      } catch {
        setProblem(`The data of “${titleOf(other)}” is no valid JSON.`)
        return
      }
    }
    setBusy(true)
    try {
      const chosen = version === 'draft' ? { version: 'draft' as const } : {}
      await openRun((await replayRun(run.id, { from: step.path, data, ...chosen })).id)
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog title={`Run again from “${titleOf(step)}”`} onClose={onClose}>
      <p className="field-hint dialog-lead">
        {around.length
          ? `A new run takes over what the other steps gave, and goes on from here: in ${around.join(', ')}, and with all that follow.`
          : 'A new run takes over what the other steps gave, and executes this one and everything after it.'}
      </p>
      <div className="field">
        <label htmlFor="replay-version">On</label>
        <select
          id="replay-version"
          className="select"
          value={version}
          onChange={event => setVersion(event.target.value)}
        >
          <option value="same">{run.version ? `Version ${run.version}, as before` : 'The same draft'}</option>
          <option value="draft">The draft as it is now</option>
        </select>
      </div>
      {before.map(other => (
        <div key={other.path} className="field">
          <label htmlFor={`data-${other.path}`}>
            What “{titleOf(other)}” gave{' '}
            <span className="sub">
              {hasFailed(other)
                ? 'it failed; write what it should have given'
                : 'change it to try another case'}
            </span>
          </label>
          <textarea
            id={`data-${other.path}`}
            className="textarea mono"
            rows={5}
            spellCheck={false}
            placeholder={hasFailed(other) ? '{"name": "value"}' : undefined}
            value={texts[other.path]}
            onChange={event => setTexts({ ...texts, [other.path]: event.target.value })}
          />
        </div>
      ))}
      {problem ? (
        <p className="field-error" role="alert">
          {problem}
        </p>
      ) : null}
      <footer className="sheet-foot">
        <button type="button" className="btn" onClick={onClose}>
          Close
        </button>
        <button type="button" className="btn btn-primary" disabled={busy} onClick={() => void start()}>
          {busy ? 'Starting…' : 'Start run'}
        </button>
      </footer>
    </Dialog>
  )
}
