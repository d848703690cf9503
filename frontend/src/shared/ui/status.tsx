/** A state, always icon and word. */
import {
  Ban,
  Check,
  CircleDashed,
  CircleHelp,
  Clock,
  Hourglass,
  LoaderCircle,
  type LucideIcon,
  Pause,
  RotateCw,
  SkipForward,
  TriangleAlert,
  UserRound,
  Wallet,
  X,
} from 'lucide-react'

const LOOK: Record<string, [LucideIcon, string]> = {
  queued: [CircleDashed, 'Queued'],
  running: [LoaderCircle, 'Running'],
  waiting: [Clock, 'Waiting'],
  retrying: [RotateCw, 'Trying again'],
  needs_attention: [TriangleAlert, 'Needs attention'],
  paused: [Pause, 'Paused'],
  succeeded: [Check, 'Done'],
  failed: [X, 'Failed'],
  skipped: [SkipForward, 'Skipped'],
  cancelled: [Ban, 'Cancelled'],
  unknown: [CircleHelp, 'Not known'],
  person: [UserRound, 'Waiting for a person'],
  turn: [Hourglass, 'Waiting for its turn'],
  budget: [Wallet, 'Waiting for a budget'],
}

export const statusWord = (status: string): string => LOOK[status]?.[1] ?? status

const WAITS: Record<string, string> = { handoff: 'person', turn: 'turn', budget: 'budget' }

/** What a step waits for, where there is a word for it. */
export const waitingWord = (kind: string | undefined): string | undefined => (kind ? WAITS[kind] : undefined)

export function seconds(ms: number | undefined): string {
  if (ms === undefined) return ''
  if (ms < 1000) return `${ms} ms`
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 6000) / 10} min`
}

export function StatusPill({ status, note, kind }: { status: string; note?: string; kind?: string }) {
  const [Shown, word] = LOOK[kind ?? status] ?? [CircleDashed, status]
  const color = status === 'retrying' || status === 'unknown' ? 'waiting' : status
  return (
    <span className="status-pill" data-status={color}>
      <Shown aria-hidden />
      {word}
      {note ? <span className="num">{note}</span> : null}
    </span>
  )
}
