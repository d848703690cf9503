/** One iteration back, one on, and which of how many is shown: small enough for the head of a frame. */
import { ChevronLeft, ChevronRight } from 'lucide-react'
import { type Rounds, useRounds } from '../../app/store/iterations'
import { useRun } from '../../app/store/run'

export function IterationSteps({ container, title }: { container: string; title: string }) {
  const rounds = useRounds(container)
  const { iterations, shown } = rounds
  if (shown === undefined) return null
  const at = iterations.findIndex(round => round.index === shown)
  const choose = (place: number) => {
    const round = iterations[place]
    if (round) useRun.getState().choose(container, round.index)
  }
  return (
    <span className="iteration-steps nodrag nopan" role="group" aria-label={`Iterations of ${title}`}>
      <button
        type="button"
        className="icon-button"
        aria-label="Previous iteration"
        disabled={at <= 0}
        onClick={event => {
          event.stopPropagation()
          choose(at - 1)
        }}
      >
        <ChevronLeft aria-hidden />
      </button>
      <span className="num" aria-live="polite">
        {placeWords(rounds)}
      </span>
      <button
        type="button"
        className="icon-button"
        aria-label="Next iteration"
        disabled={at >= iterations.length - 1}
        onClick={event => {
          event.stopPropagation()
          choose(at + 1)
        }}
      >
        <ChevronRight aria-hidden />
      </button>
    </span>
  )
}

/** "2 of 10": people count from one. */
export function placeWords({ iterations, shown, total }: Rounds): string {
  return `${(shown ?? 0) + 1} of ${total ?? iterations.length}`
}
