/** Why a run does not go on by itself, in a sentence, where its status alone does not say enough. */
import type { Run, Step } from '../../api/types'

const ATTENTION: Record<string, string> = {
  outcome_unknown: 'The run needs an operator: a call was sent and never answered.',
  budget_exceeded: 'The run has used up what it may. Resume gives it the same once more.',
  quarantined: 'The run was held back, because workers died while it was in progress.',
}

const BUDGETS: Record<string, string> = {
  steps: 'steps',
  active_s: 'working time',
  tokens: 'tokens of models',
  cost_usd: 'US dollars for models',
  bytes: 'bytes of data',
}

const HELD_UP: Record<string, string> = {
  concurrency:
    'The run is queued: it begins when another one that shares its limit of runs at once has ended.',
  workspace: 'The run is queued: every worker has as many runs of this workspace as it may take.',
  no_worker: 'The run is queued: no worker is running that could take it.',
}

/** Empty where nothing holds the run. */
export function whyItWaits(run: Run, steps: Step[], usedUp: string): string {
  if (run.status === 'queued') return HELD_UP[run.held_up_by ?? ''] ?? ''
  if (run.status !== 'needs_attention') return ''
  const held = steps.find(step => step.waiting_for?.kind === 'budget')?.error?.message
  if (held) return held
  const budget = BUDGETS[usedUp]
  if (run.attention === 'budget_exceeded' && budget)
    return `The run has used up its budget of ${budget}. Resume gives it the same once more.`
  return ATTENTION[run.attention] ?? 'The run needs an operator.'
}
