/** The iterations of a container in a run: how many went well, which one is shown, and all of them as a list. */
import { ChevronDown, CircleAlert } from 'lucide-react'
import { useLayoutEffect, useRef, useState } from 'react'
import { type Rounds, useRounds } from '../../app/store/iterations'
import { useRun } from '../../app/store/run'
import { tallyWords } from '../../shared/graph/iterations'
import { StatusPill } from '../../shared/ui/status'
import { IterationSteps } from './iteration-steps'

const ROW_PX = 32
const ROWS_SHOWN = 8

export function Iterations({ container, title }: { container: string; title: string }) {
  const rounds = useRounds(container)
  const [open, setOpen] = useState(false)
  const { iterations, shown, total } = rounds
  if (!iterations.length) return <p className="sub iterations-none">No iteration has begun.</p>
  const failed = iterations.find(round => round.status === 'failed')
  return (
    <section className="iterations" aria-label={`Iterations of ${title}`}>
      <div className="iterations-head">
        <span className="iterations-words">{tallyWords(iterations, total)}</span>
        <IterationSteps container={container} title={title} />
      </div>
      <div className="iterations-head">
        <button
          type="button"
          className="link-button iterations-open"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          <ChevronDown aria-hidden /> {open ? 'Hide the list' : 'All iterations'}
        </button>
        {failed && failed.index !== shown ? (
          <button
            type="button"
            className="link-button is-error"
            onClick={() => useRun.getState().choose(container, failed.index)}
          >
            <CircleAlert aria-hidden /> First that failed
          </button>
        ) : null}
      </div>
      {open ? <IterationList container={container} rounds={rounds} /> : null}
    </section>
  )
}

/** Only the rows in sight are drawn: a loop may have ten thousand. */
function IterationList({ container, rounds }: { container: string; rounds: Rounds }) {
  const { iterations, shown } = rounds
  const place = Math.max(
    iterations.findIndex(round => round.index === shown),
    0,
  )
  const start = Math.max(0, place - 2) * ROW_PX
  const [top, setTop] = useState(start)
  const box = useRef<HTMLDivElement>(null)
  // Opened at the iteration that is shown; from then on the list is where somebody scrolled it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once
  useLayoutEffect(() => {
    if (box.current) box.current.scrollTop = start
  }, [])
  const first = Math.max(0, Math.floor(top / ROW_PX) - 2)
  const inSight = iterations.slice(first, first + ROWS_SHOWN + 4)
  return (
    <div ref={box} className="iteration-list" onScroll={event => setTop(event.currentTarget.scrollTop)}>
      <ul
        style={{ height: iterations.length * ROW_PX, paddingTop: first * ROW_PX }}
        aria-label="All iterations"
      >
        {inSight.map(round => (
          <li key={round.index} aria-setsize={iterations.length} aria-posinset={round.index + 1}>
            <button
              type="button"
              aria-current={round.index === shown || undefined}
              onClick={() => useRun.getState().choose(container, round.index)}
            >
              <span className="num">Iteration {round.index + 1}</span>
              <StatusPill status={round.status} />
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
