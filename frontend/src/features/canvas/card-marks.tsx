/** What a card says of itself at its edge: how its step goes in the run, and whether something is wrong with it. */
import { CircleAlert, TriangleAlert } from 'lucide-react'
import type { StepState } from '../../app/store/run'
import { useView } from '../../app/store/view'
import { StatusPill, seconds, waitingWord } from '../../shared/ui/status'

export function CardStatus({ state }: { state: StepState | undefined }) {
  if (!state) return null
  const hasEnded = state.status === 'succeeded' || state.status === 'failed'
  return (
    <div className="step-status">
      <StatusPill
        status={state.status}
        kind={state.status === 'waiting' ? waitingWord(state.waiting) : undefined}
        note={hasEnded ? seconds(state.durationMs) : undefined}
      />
    </div>
  )
}

export function CardMark({ id }: { id: string }) {
  const worst = useView(store => {
    const own = store.problems.filter(problem => problem.node === id)
    return own.some(problem => problem.severity === 'error') ? 'error' : own.length ? 'warning' : ''
  })
  if (worst === 'error') return <CircleAlert className="step-mark is-error" aria-label="Has a problem" />
  if (worst === 'warning')
    return <TriangleAlert className="step-mark is-warning" aria-label="Has a warning" />
  return null
}
