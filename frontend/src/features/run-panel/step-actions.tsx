/** What can be done about a step: answer it, say what became of an unanswered call, run again from it. */
import { useState } from 'react'
import { ApiError } from '../../api/client'
import { settleStep } from '../../api/requests'
import type { Run, Step } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { hasEnded, useRun } from '../../app/store/run'
import { may } from '../../app/store/session'
import { parseJson } from '../../shared/exact-json'
import { ReplayDialog, settledBefore } from './replay-dialog'

const TRY_AGAIN = 'Make this call again? If it did take effect after all, it happens twice.'
const GIVE_UP =
  'Give up on this call? The step fails, and its error says that nobody knows what became of it.'

const SAID: Record<string, string> = {
  happened: 'It happened',
  did_not: 'It did not: try again',
  give_up: 'Give up',
}

export function StepActions({ step }: { step: Step }) {
  const run = useRun(store => store.run)
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const [asking, setAsking] = useState(false)
  const [text, setText] = useState('{}')
  // The attempt that was answered: one that is made again may have to be answered again.
  const [answered, setAnswered] = useState<number | null>(null)
  const item = step.waiting_for?.inbox_item
  if (item)
    return (
      <p>
        <a className="btn btn-sm btn-primary" href={`/inbox/${item}`}>
          Answer in the inbox
        </a>
      </p>
    )
  if (!run) return null
  if (step.status !== 'unknown') return <RunAgainFrom run={run} step={step} />
  if (!may('settle')) return <p className="sub">An operator has to say what became of this call.</p>
  const settled = step.waiting_for?.settled
  if (settled || answered === step.attempts)
    return (
      <p className="sub" role="status">
        {settled ? (
          <>
            {settled.by} answered “{SAID[settled.outcome] ?? settled.outcome}” (
            <time dateTime={settled.at}>{new Date(settled.at).toLocaleString()}</time>).
          </>
        ) : (
          'You have answered.'
        )}
        {hasEnded(run)
          ? null
          : run.status === 'paused'
            ? ' It goes on when the run is resumed.'
            : ' It goes on in a moment.'}
      </p>
    )
  const settle = async (outcome: string, output?: unknown) => {
    setBusy(true)
    try {
      await settleStep(run.id, step.path, outcome, output)
      setProblem('')
      setAsking(false)
      setAnswered(step.attempts)
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }
  const happened = () => {
    try {
      void settle('happened', parseJson(text))
    } catch {
      setProblem('This is no valid JSON.')
    }
  }
  return (
    <div className="settle">
      <p>Look up whether it took effect, then say what happened:</p>
      {asking ? (
        <div className="field">
          <label htmlFor="settled-output">What it gave, as JSON: later steps may use it</label>
          <textarea
            id="settled-output"
            className="textarea mono"
            rows={4}
            spellCheck={false}
            value={text}
            onChange={event => setText(event.target.value)}
          />
          <div className="pair">
            <button type="button" className="btn btn-sm btn-primary" disabled={busy} onClick={happened}>
              Go on with this
            </button>
            <button type="button" className="btn btn-sm" onClick={() => setAsking(false)}>
              Back
            </button>
          </div>
        </div>
      ) : (
        <div className="pair">
          <button type="button" className="btn btn-sm" disabled={busy} onClick={() => setAsking(true)}>
            {SAID.happened}
          </button>
          <button
            type="button"
            className="btn btn-sm"
            disabled={busy}
            onClick={() => window.confirm(TRY_AGAIN) && void settle('did_not')}
          >
            {SAID.did_not}
          </button>
          <button
            type="button"
            className="btn btn-sm"
            disabled={busy}
            onClick={() => window.confirm(GIVE_UP) && void settle('give_up')}
          >
            {SAID.give_up}
          </button>
        </div>
      )}
      {problem ? <p className="field-error">{problem}</p> : null}
    </div>
  )
}

function RunAgainFrom({ run, step }: { run: Run; step: Step }) {
  const [open, setOpen] = useState(false)
  const graph = useGraph(store => store.graph)
  const steps = useRun(store => store.steps)
  // A step that was skipped is come to where what is right before it gives something else.
  const canBeReached = step.status !== 'skipped' || settledBefore(graph, steps, step).length > 0
  if (!hasEnded(run) || !canBeReached || !may('retry')) return null
  return (
    <p>
      <button type="button" className="btn btn-sm" onClick={() => setOpen(true)}>
        Run again from here
      </button>
      {open ? <ReplayDialog run={run} step={step} onClose={() => setOpen(false)} /> : null}
    </p>
  )
}
