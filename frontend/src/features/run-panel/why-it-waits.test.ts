import { describe, expect, it } from 'vitest'
import type { Run, Step } from '../../api/types'
import { whyItWaits } from './why-it-waits'

const run = (change: Partial<Run>): Run => ({ status: 'needs_attention', attention: '', ...change }) as Run

describe('why a run waits', () => {
  it('names the budget that the run has used up', () => {
    const over = run({ attention: 'budget_exceeded' })
    expect(whyItWaits(over, [], 'cost_usd')).toContain('its budget of US dollars for models')
    expect(whyItWaits(over, [], '')).toContain('used up what it may')
  })

  it('is told by the step that a budget of the workspace holds back', () => {
    const held = { waiting_for: { kind: 'budget' }, error: { message: 'Today is full.' } } as Step
    expect(whyItWaits(run({ attention: 'budget_exceeded' }), [held], '')).toBe('Today is full.')
  })

  it('says what a queued run needs before it may begin', () => {
    expect(whyItWaits(run({ status: 'queued', held_up_by: 'no_worker' }), [], '')).toContain('no worker')
    expect(whyItWaits(run({ status: 'queued', held_up_by: '' }), [], '')).toBe('')
  })

  it('is not told of a run that goes on', () => {
    expect(whyItWaits(run({ status: 'running' }), [], 'steps')).toBe('')
  })
})
