/** One run as it is watched: live events and a reload pass through the same reducer. */
import { create } from 'zustand'
import { type Connection, openLiveSocket } from '../../api/live-socket'
import { readEvents, readRun, readSteps } from '../../api/requests'
import type { Run, RunEvent, Step } from '../../api/types'
import { iterationsAround } from '../../shared/graph/run-paths'

export type StepState = {
  status: string
  startedAt?: string
  durationMs?: number
  attempt?: number
  ports?: string[]
  waiting?: string
  dueAt?: string | null
  message?: string
  error?: string
}

/** One line that a server logged while it worked on a step. */
export type LogLine = {
  seq: number
  at: string
  level: string
  logger: string
  text: string
  shared: boolean
}

type RunStore = {
  run: Run | null
  seen: number
  states: Record<string, StepState>
  steps: Step[]
  logs: Record<string, LogLine[]>
  connection: Connection
  /** The budget that was used up last; empty before any was. */
  usedUp: string
  /** Whether the steps were asked for in vain and are asked for again. */
  areStepsLate: boolean
  /** The path of a container -> the iteration that somebody chose to look at. */
  chosen: Record<string, number>
  choose: (container: string, index: number) => void
  /** Look at the iterations that a step stands in. */
  lookAt: (path: string) => void
  watch: (run: Run) => void
  forget: () => void
}

/** The states after some more events; steps that none of them tells of keep their objects. */
export function reduce(states: Record<string, StepState>, events: RunEvent[]): Record<string, StepState> {
  const next = { ...states }
  for (const event of events) {
    const after = event.path ? stateAfter(next[event.path], event) : undefined
    if (after) next[event.path] = after
  }
  return next
}

/** The lines that servers logged, by the path of the step. */
export function logsAfter(logs: Record<string, LogLine[]>, events: RunEvent[]): Record<string, LogLine[]> {
  const said = events.filter(event => event.type === 'step.log' && event.path)
  if (!said.length) return logs
  const next = { ...logs }
  for (const { seq, at, path, data } of said) {
    const line = {
      seq,
      at,
      level: String(data.level ?? ''),
      logger: String(data.logger ?? ''),
      text: String(data.text ?? ''),
      shared: data.shared === true,
    }
    next[path!] = [...(next[path!] ?? []), line]
  }
  return next
}

/** The budget that the last of some events says is used up. */
export const budgetUsedUp = (events: RunEvent[]): string | undefined =>
  events.findLast(event => event.type === 'run.needs_attention' && event.data.budget)?.data.budget as
    | string
    | undefined

function stateAfter(known: StepState | undefined, event: RunEvent): StepState | undefined {
  const { data } = event
  const before = known ?? { status: 'waiting' }
  switch (event.type) {
    case 'step.started':
      return {
        status: 'running',
        startedAt: before.startedAt ?? event.at,
        attempt: event.attempt ?? undefined,
      }
    case 'step.retrying':
      return {
        ...before,
        status: 'retrying',
        dueAt: String(data.next_at ?? ''),
        attempt: event.attempt ?? undefined,
      }
    case 'step.waiting':
      return {
        ...before,
        status: 'waiting',
        waiting: String(data.kind),
        dueAt: data.due_at as string | null,
      }
    case 'step.progress':
      return { ...before, message: String(data.message ?? '') }
    case 'run.needs_attention':
      return { ...before, status: 'unknown' }
    case 'step.ended':
      return {
        ...before,
        status: String(data.status),
        ports: data.ports as string[],
        durationMs: data.duration_ms as number | undefined,
        error: (data.error as { message?: string } | undefined)?.message,
      }
    default:
      return undefined
  }
}

/** The states as the rows of steps tell them, without the events that led to them. */
export function statesOf(steps: Step[]): Record<string, StepState> {
  return Object.fromEntries(steps.map(step => [step.path, stateOf(step)]))
}

function stateOf(step: Step): StepState {
  const ms = (time: string | null) => (time ? new Date(time).getTime() : Number.NaN)
  const duration = ms(step.ended_at) - ms(step.started_at)
  return {
    status: step.waiting_for?.kind === 'retry' ? 'retrying' : step.status,
    startedAt: step.started_at ?? undefined,
    durationMs: Number.isNaN(duration) ? undefined : duration,
    attempt: step.attempts,
    ports: step.ports,
    waiting: step.waiting_for?.kind,
    dueAt: step.waiting_for?.due_at,
    error: step.error?.message,
  }
}

type Frame = { type: string; events?: RunEvent[]; run?: Run }

let closeSocket = (): void => undefined
let watching = ''
let stepsTimer: ReturnType<typeof setTimeout> | undefined
const STEPS_AFTER_MS = 120
const STEPS_AGAIN_AFTER_MS = 1000
const STEPS_AGAIN_AT_MOST_MS = 10_000
let stepsPauseMs = STEPS_AFTER_MS
/** The end of the run, once its steps are in: they tell all that its events until then could. */
let toldUntil = ''

const ENDED = new Set(['succeeded', 'failed', 'cancelled'])
export const hasEnded = (run: Run | null): boolean => run !== null && ENDED.has(run.status)

const NOTHING_SEEN = {
  run: null,
  seen: 0,
  states: {},
  steps: [],
  logs: {},
  connection: 'idle' as const,
  usedUp: '',
  areStepsLate: false,
  chosen: {},
}

export const useRun = create<RunStore>((set, get) => {
  const take = (events: RunEvent[], run: Run): void => {
    const fresh = events.filter(event => event.seq > get().seen)
    set({ run })
    if (!fresh.length) return
    const news = toldUntil ? fresh.filter(event => event.at > toldUntil) : fresh
    set({
      states: reduce(get().states, news),
      logs: logsAfter(get().logs, fresh),
      usedUp: budgetUsedUp(fresh) ?? get().usedUp,
      seen: fresh.at(-1)!.seq,
    })
    refreshSteps()
  }
  // A run of ten thousand steps is a large answer: it is asked for again only when the last one is in, and after a
  // pause that grows with the time it took.
  const refreshSteps = (): void => {
    if (stepsTimer !== undefined) return
    const id = watching
    stepsTimer = setTimeout(async () => {
      const { seen } = get()
      const since = performance.now()
      const steps = await readSteps(id).catch(() => null)
      if (id !== watching) return
      stepsTimer = undefined
      set({ areStepsLate: !steps })
      if (!steps) {
        stepsPauseMs = Math.min(Math.max(2 * stepsPauseMs, STEPS_AGAIN_AFTER_MS), STEPS_AGAIN_AT_MOST_MS)
        refreshSteps()
        return
      }
      stepsPauseMs = Math.max(STEPS_AFTER_MS, 3 * (performance.now() - since))
      set({ steps })
      const { run } = get()
      if (hasEnded(run) && run?.ended_at) {
        toldUntil = run.ended_at
        set({ states: statesOf(steps) })
      }
      if (get().seen !== seen) refreshSteps()
    }, stepsPauseMs)
  }
  const connect = (id: string): (() => void) =>
    openLiveSocket<Frame>({
      path: () => `/ws/runs/${id}?after=${get().seen}`,
      onFrame: frame => {
        if (frame.type === 'events' && frame.run) take(frame.events ?? [], frame.run)
      },
      onConnection: connection => set({ connection }),
      onBreak: () => void poll(id),
      isOver: () => hasEnded(get().run),
    })
  const poll = async (id: string): Promise<void> => {
    try {
      const [events, run] = await Promise.all([readEvents(id, get().seen), readRun(id)])
      if (id === watching) take(events, run)
    } catch {
      // The next try of the socket asks again.
    }
  }
  const stop = (): void => {
    watching = ''
    clearTimeout(stepsTimer)
    stepsTimer = undefined
    stepsPauseMs = STEPS_AFTER_MS
    closeSocket()
  }
  return {
    ...NOTHING_SEEN,
    choose: (container, index) => set({ chosen: { ...get().chosen, [container]: index } }),
    lookAt: path => {
      const around = iterationsAround(path).map(({ container, index }) => [container, index])
      set({ chosen: { ...get().chosen, ...Object.fromEntries(around) } })
    },
    watch: run => {
      stop()
      toldUntil = ''
      watching = run.id
      set({ ...NOTHING_SEEN, run })
      closeSocket = connect(run.id)
      refreshSteps()
    },
    forget: () => {
      stop()
      set(NOTHING_SEEN)
    },
  }
})
