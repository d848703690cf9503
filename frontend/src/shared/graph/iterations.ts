/** The iterations of the containers in a run, told from the states of the steps in them. */
import type { Graph } from './document'
import { childrenOf } from './nesting'
import { iterationsAround, nodeOfPath } from './run-paths'

export type IterationStatus =
  | 'running'
  | 'waiting'
  | 'retrying'
  | 'unknown'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
export type Iteration = { index: number; status: IterationStatus }

/** As much of a step's state as says how its iteration goes. */
export type Told = { status: string; ports?: string[] }

type Tally = { settled: number; failed: boolean; cancelled: boolean; active: string }

const ACTIVE = ['unknown', 'retrying', 'waiting', 'running']

/**
 * Container's path -> its iterations by index.
 *
 * failed   container's path -> indexes that failed though no step in them did: their result could not be made
 */
export function iterationsOf(
  graph: Graph,
  states: Record<string, Told>,
  failed: Record<string, number[]> = {},
): Record<string, Iteration[]> {
  const tallies = new Map<string, Map<number, Tally>>()
  for (const [path, state] of Object.entries(states)) {
    const nearest = path.includes('/') ? iterationsAround(path).at(-1) : undefined
    if (nearest) count(tallyOf(tallies, nearest.container, nearest.index), state)
  }
  const found: Record<string, Iteration[]> = {}
  for (const [container, rounds] of tallies) {
    const steps = childrenOf(graph, nodeOfPath(container)).length
    const own = new Set(failed[container])
    const isOver = isEnded(states[container]?.status)
    found[container] = [...rounds]
      .sort(([a], [b]) => a - b)
      .map(([index, tally]) => ({
        index,
        status: own.has(index) ? 'failed' : statusOf(tally, steps, isOver),
      }))
  }
  return found
}

function tallyOf(tallies: Map<string, Map<number, Tally>>, container: string, index: number): Tally {
  const rounds = tallies.get(container) ?? new Map<number, Tally>()
  tallies.set(container, rounds)
  const tally = rounds.get(index) ?? { settled: 0, failed: false, cancelled: false, active: '' }
  rounds.set(index, tally)
  return tally
}

const isEnded = (status: string | undefined): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'skipped' || status === 'cancelled'

function count(tally: Tally, state: Told): void {
  if (isEnded(state.status)) tally.settled += 1
  else if (ACTIVE.indexOf(state.status) >= 0 && !more(tally.active, state.status)) tally.active = state.status
  // A failure that an exit has taken is handled: its iteration goes on.
  if (state.status === 'failed' && !state.ports?.length) tally.failed = true
  if (state.status === 'cancelled') tally.cancelled = true
}

const more = (a: string, b: string): boolean => a !== '' && ACTIVE.indexOf(a) < ACTIVE.indexOf(b)

function statusOf(tally: Tally, steps: number, isOver: boolean): IterationStatus {
  if (tally.failed) return 'failed'
  if (tally.active) return tally.active as IterationStatus
  if (tally.settled >= steps && !tally.cancelled) return 'succeeded'
  return isOver || tally.cancelled ? 'cancelled' : 'running'
}

/** "3 of 10 done, 1 failed"; without a total, as in a loop that ends by a condition, "3 done". */
export function tallyWords(rounds: Iteration[], total?: number): string {
  const done = rounds.filter(round => round.status === 'succeeded').length
  const failed = rounds.filter(round => round.status === 'failed').length
  const head = total === undefined ? `${done} done` : `${done} of ${total} done`
  return failed ? `${head}, ${failed} failed` : head
}

/** The iteration that is shown before anybody chooses: the first that failed, else the first to settle, else the newest. */
export function iterationToShow(rounds: Iteration[] | undefined): number | undefined {
  if (!rounds?.length) return undefined
  const first = (status: IterationStatus) => rounds.find(round => round.status === status)
  return (first('failed') ?? first('unknown') ?? rounds.at(-1)!).index
}
