/** What an operator does with a run: pause, go on, cancel, try again, run again. */
import { Pause, Play, RotateCcw, Square } from 'lucide-react'
import { useState } from 'react'
import { cancelRun, pauseRun, readRun, replayRun, resumeRun, retryRun } from '../../api/requests'
import type { Run, RunDetail } from '../../api/types'
import { hasEnded } from '../../app/store/run'
import { may } from '../../app/store/session'
import { useAction } from '../../app/use-action'

/** The question before calls are made again that may have taken effect. */
export function againAlthough(calls: RunDetail['unknown_calls']): string {
  const named = calls.map(({ title, path, server, tool }) => {
    const called = [server, tool].filter(Boolean).join(' · ')
    return `“${title}” (${called || path})`
  })
  return `Nobody knows whether these calls took effect: ${named.join(', ')}. A retry makes them again, so that each may happen twice. Retry?`
}

/** Until the page has gone, what started the run is under way: another press would start one more. */
export const openRun = (id: string): Promise<void> =>
  new Promise(resolve => {
    // A page that is shown again was kept as it was.
    window.addEventListener('pageshow', () => resolve(), { once: true })
    location.assign(`/runs/${id}`)
  })

const OPEN_RETRY = 'This run was tried again already. Open that one, to see what became of it?'

async function retry(run: Run): Promise<void> {
  const { unknown_calls: calls, retried_by: later } = await readRun(run.id)
  if (later) {
    if (window.confirm(OPEN_RETRY)) await openRun(later)
  } else if (calls.length === 0 || window.confirm(againAlthough(calls)))
    await openRun((await retryRun(run.id)).id)
}

export function RunActions({ run, canFollow }: { run: Run; canFollow: boolean }) {
  const [asked, setAsked] = useState('')
  const ended = hasEnded(run)
  const { busy, problem, act } = useAction()
  const isPausing = run.is_pausing || asked === run.status
  const isHeld = run.status === 'paused' || ['quarantined', 'budget_exceeded'].includes(run.attention)
  return (
    <>
      {problem ? (
        <span className="run-words is-error" role="alert">
          {problem}
        </span>
      ) : null}
      {!ended && may('pause_run') && isHeld ? (
        <button
          type="button"
          className="btn btn-sm btn-primary"
          disabled={busy}
          onClick={() => {
            setAsked('')
            void act(() => resumeRun(run.id))
          }}
        >
          <Play aria-hidden /> Resume
        </button>
      ) : null}
      {!ended && may('pause_run') && !isHeld ? (
        <button
          type="button"
          className="btn btn-sm"
          disabled={busy || isPausing}
          onClick={() =>
            void act(async () => {
              await pauseRun(run.id)
              // The news of the pause itself comes by the socket, perhaps before this answer.
              setAsked(run.status)
            })
          }
        >
          <Pause aria-hidden /> {isPausing ? 'Pausing…' : 'Pause'}
        </button>
      ) : null}
      {!ended && may('operate') ? (
        <button
          type="button"
          className="btn btn-sm"
          disabled={busy}
          onClick={() => {
            if (window.confirm('Cancel this run? Steps that are done stay done.'))
              void act(() => cancelRun(run.id))
          }}
        >
          <Square aria-hidden /> Cancel
        </button>
      ) : null}
      {ended && canFollow && run.status !== 'succeeded' ? (
        <button
          type="button"
          className="btn btn-sm btn-primary"
          disabled={busy}
          title="A new run goes on where this one ended; steps that are done are not done again"
          onClick={() => void act(() => retry(run))}
        >
          <RotateCcw aria-hidden /> Retry
        </button>
      ) : null}
      {ended && canFollow ? (
        <button
          type="button"
          className="btn btn-sm"
          disabled={busy}
          title="A new run with the same input, from the start"
          onClick={() => void act(async () => openRun((await replayRun(run.id, {})).id))}
        >
          <Play aria-hidden /> Run again
        </button>
      ) : null}
    </>
  )
}
