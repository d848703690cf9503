/** How the run goes, above the canvas: state, what it waits for, what came out, and what to do next. */
import { CircleAlert, ExternalLink, UserRound, WifiOff, X } from 'lucide-react'
import { useState } from 'react'
import { lookAtStep } from '../../app/store/iterations'
import { hasEnded, useRun } from '../../app/store/run'
import { may } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { StatusPill } from '../../shared/ui/status'
import { ValueView } from '../../shared/ui/value-view'
import { RunActions } from './run-actions'
import { whyItWaits } from './why-it-waits'

export function RunBar({ closable = true }: { closable?: boolean }) {
  const { run, steps, connection, areStepsLate, usedUp } = useRun()
  const [open, setOpen] = useState(false)
  if (!run) return null
  const waiting = steps.find(step => step.waiting_for?.kind === 'handoff' && step.waiting_for.inbox_item)
  const ended = hasEnded(run)
  const lost = steps.find(step => step.status === 'unknown')
  const showAt = run.error?.path ?? run.error?.node ?? lost?.path
  const text = (run.result as { text?: string } | null)?.text
  // On its own page the run tells this beside the steps.
  const why = closable ? whyItWaits(run, steps, usedUp) : ''
  return (
    <div className="run-bar" role="status" aria-live="polite">
      <StatusPill status={run.status} />
      {connection === 'reconnecting' ? (
        <span className="sub run-offline">
          <WifiOff aria-hidden /> Reconnecting… what is shown may be old.
        </span>
      ) : null}
      {connection === 'refused' ? (
        <span className="sub run-offline">
          <WifiOff aria-hidden /> There is no more news: your session has ended, or you may not see this run
          any more. Reload the page.
        </span>
      ) : null}
      {areStepsLate && (connection === 'live' || connection === 'idle') ? (
        <span className="sub run-offline">
          <WifiOff aria-hidden /> The steps could not be loaded; trying again…
        </span>
      ) : null}
      {waiting && !ended ? (
        <span className="run-words">
          <UserRound aria-hidden /> Waiting for a person:{' '}
          <strong>{String((waiting.input as { title?: string } | null)?.title ?? '')}</strong>
        </span>
      ) : null}
      {why ? <span className="run-words">{why}</span> : null}
      {run.error ? (
        <span className="run-words is-error">
          <CircleAlert aria-hidden /> {run.error.message}
        </span>
      ) : null}
      {!run.error && run.result !== null ? (
        <button type="button" className="run-result" aria-expanded={open} onClick={() => setOpen(!open)}>
          <span className="sub">Reply</span> {text ?? 'Show the data'}
        </button>
      ) : null}
      <span className="run-actions">
        {waiting && !ended ? (
          <a className="btn btn-sm btn-primary" href={`/inbox/${waiting.waiting_for?.inbox_item}`}>
            Open inbox
          </a>
        ) : null}
        {showAt ? (
          <button
            type="button"
            className="btn btn-sm"
            onClick={() => {
              const node = lookAtStep(showAt)
              if (node) useView.getState().select([node], 'result')
            }}
          >
            Show step
          </button>
        ) : null}
        {/* In the editor the Run button is the way to another try. */}
        <RunActions run={run} canFollow={!closable && may('retry')} />
        {closable ? (
          <>
            <a className="btn btn-sm btn-ghost" href={`/runs/${run.id}`}>
              <ExternalLink aria-hidden /> Open run
            </a>
            <button
              type="button"
              className="icon-button"
              aria-label="Close the run"
              onClick={() => useRun.getState().forget()}
            >
              <X aria-hidden />
            </button>
          </>
        ) : null}
      </span>
      {open ? (
        <div className="run-result-box">
          <ValueView title="Reply" value={run.result} />
        </div>
      ) : null}
    </div>
  )
}
