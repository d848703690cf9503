import { describe, expect, it, vi } from 'vitest'
import type { Run, RunEvent, Step } from '../../api/types'
import { reduce, type StepState, statesOf, useRun } from './run'

const readSteps = vi.hoisted(() => vi.fn())
vi.mock('../../api/requests', () => ({ readSteps }))

const event = (seq: number, type: string, data: Record<string, unknown> = {}, path = 'a'): RunEvent => ({
  seq,
  at: `2026-01-01T00:00:0${seq}Z`,
  type,
  path,
  attempt: 1,
  data,
})

const fold = (events: RunEvent[]): Record<string, StepState> => reduce({}, events)

describe('the states of steps', () => {
  it('follow the events of a step to its end', () => {
    const states = fold([
      event(1, 'step.started'),
      event(2, 'step.ended', { status: 'succeeded', ports: ['out'], duration_ms: 40 }),
    ])
    expect(states.a).toMatchObject({ status: 'succeeded', ports: ['out'], durationMs: 40 })
  })

  it('show a step that waits for a person, and one that is tried again', () => {
    expect(fold([event(1, 'step.started'), event(2, 'step.waiting', { kind: 'handoff' })]).a).toMatchObject({
      status: 'waiting',
      waiting: 'handoff',
    })
    expect(fold([event(1, 'step.started'), event(2, 'step.retrying', { next_at: 'x' })]).a?.status).toBe(
      'retrying',
    )
  })

  it('are the same however the events are cut into frames', () => {
    const events = [
      event(1, 'step.started'),
      event(2, 'step.ended', { status: 'failed' }),
      event(3, 'step.started', {}, 'b'),
    ]
    const once = fold(events)
    const twice = reduce(fold(events.slice(0, 1)), events.slice(1))
    expect(twice).toEqual(once)
  })

  it('of a run that has ended are those that its rows tell', () => {
    const row = {
      path: 'loop[1]/a',
      status: 'failed',
      ports: [],
      attempts: 2,
      error: { message: 'No' },
      started_at: '2026-01-01T00:00:01.000Z',
      ended_at: '2026-01-01T00:00:01.250Z',
    }
    expect(statesOf([row as unknown as Step])['loop[1]/a']).toMatchObject({
      status: 'failed',
      durationMs: 250,
      attempt: 2,
      error: 'No',
    })
  })
})

describe('the steps of a run that is watched', () => {
  it('are asked for again until they come, and are told to be late meanwhile', async () => {
    vi.useFakeTimers()
    vi.stubGlobal('location', { protocol: 'http:', host: 'here' })
    vi.stubGlobal(
      'WebSocket',
      class {
        close() {}
      },
    )
    const step = { path: 'a' } as Step
    readSteps.mockRejectedValueOnce(new Error('503')).mockRejectedValueOnce(new Error('503'))
    readSteps.mockResolvedValue([step])
    useRun.getState().watch({ id: 'r', status: 'waiting' } as Run)
    await vi.advanceTimersByTimeAsync(500)
    expect(useRun.getState()).toMatchObject({ steps: [], areStepsLate: true })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(useRun.getState()).toMatchObject({ steps: [step], areStepsLate: false })
    expect(readSteps).toHaveBeenCalledTimes(3)
    useRun.getState().forget()
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })
})
