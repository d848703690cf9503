/** One run as it is watched: live events and a reload pass through the same reducer. */
import { create } from 'zustand'
import { readEvents, readRun, readSteps } from '../../api/requests'
import type { Run, RunEvent, Step } from '../../api/types'

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

export type Connection = 'idle' | 'live' | 'reconnecting'

type RunStore = {
  run: Run | null
  seen: number
  states: Record<string, StepState>
  steps: Step[]
  connection: Connection
  watch: (run: Run) => void
  forget: () => void
}

export function reduce(states: Record<string, StepState>, event: RunEvent): Record<string, StepState> {
  const { path, data } = event
  if (!path) return states
  const before = states[path] ?? { status: 'waiting' }
  switch (event.type) {
    case 'step.started':
      return {
        ...states,
        [path]: {
          status: 'running',
          startedAt: before.startedAt ?? event.at,
          attempt: event.attempt ?? undefined,
        },
      }
    case 'step.retrying':
      return {
        ...states,
        [path]: {
          ...before,
          status: 'retrying',
          dueAt: String(data.next_at ?? ''),
          attempt: event.attempt ?? undefined,
        },
      }
    case 'step.waiting':
      return {
        ...states,
        [path]: {
          ...before,
          status: 'waiting',
          waiting: String(data.kind),
          dueAt: data.due_at as string | null,
        },
      }
    case 'step.progress':
      return { ...states, [path]: { ...before, message: String(data.message ?? '') } }
    case 'run.needs_attention':
      return { ...states, [path]: { ...before, status: 'unknown' } }
    case 'step.ended':
      return {
        ...states,
        [path]: {
          ...before,
          status: String(data.status),
          ports: data.ports as string[],
          durationMs: data.duration_ms as number | undefined,
          error: (data.error as { message?: string } | undefined)?.message,
        },
      }
    default:
      return states
  }
}

let socket: WebSocket | null = null
let watching = ''
let tries = 0
let pollTimer: ReturnType<typeof setTimeout> | undefined
let stepsTimer: ReturnType<typeof setTimeout> | undefined

const ENDED = new Set(['succeeded', 'failed', 'cancelled'])
export const hasEnded = (run: Run | null): boolean => run !== null && ENDED.has(run.status)

export const useRun = create<RunStore>((set, get) => {
  const take = (events: RunEvent[], run: Run): void => {
    const fresh = events.filter(event => event.seq > get().seen)
    const states = fresh.reduce(reduce, get().states)
    set({ run, states, seen: fresh.at(-1)?.seq ?? get().seen })
    if (fresh.length) refreshSteps()
  }
  const refreshSteps = (): void => {
    clearTimeout(stepsTimer)
    stepsTimer = setTimeout(async () => {
      const id = watching
      const steps = await readSteps(id).catch(() => null)
      if (steps && id === watching) set({ steps })
    }, 120)
  }
  const connect = (): void => {
    const id = watching
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const next = new WebSocket(`${scheme}://${location.host}/ws/runs/${id}?after=${get().seen}`)
    socket = next
    next.onmessage = message => {
      if (id !== watching) return
      const frame = JSON.parse(message.data) as { type: string; events?: RunEvent[]; run?: Run }
      tries = 0
      set({ connection: 'live' })
      if (frame.type === 'events' && frame.run) take(frame.events ?? [], frame.run)
    }
    next.onclose = event => {
      if (id !== watching || socket !== next) return
      if (event.code === 4403) {
        set({ connection: 'idle' })
        return
      }
      if (hasEnded(get().run)) {
        set({ connection: 'idle' })
        return
      }
      set({ connection: 'reconnecting' })
      tries += 1
      void poll(id)
      const pause = Math.min(500 * 2 ** tries, 10_000) * (0.7 + Math.random() * 0.6)
      pollTimer = setTimeout(connect, pause)
    }
  }
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
    clearTimeout(pollTimer)
    clearTimeout(stepsTimer)
    socket?.close()
    socket = null
  }
  return {
    run: null,
    seen: 0,
    states: {},
    steps: [],
    connection: 'idle',
    watch: run => {
      stop()
      tries = 0
      watching = run.id
      set({ run, seen: 0, states: {}, steps: [], connection: 'idle' })
      connect()
      refreshSteps()
    },
    forget: () => {
      stop()
      set({ run: null, seen: 0, states: {}, steps: [], connection: 'idle' })
    },
  }
})
