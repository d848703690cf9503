/** What one step did: input, output, error, attempts, timing. */
import { CircleAlert } from 'lucide-react'
import type { Step } from '../../api/types'
import { lookAtStep } from '../../app/store/iterations'
import { useView } from '../../app/store/view'
import { StatusPill, seconds, waitingWord } from '../../shared/ui/status'
import { ValueView } from '../../shared/ui/value-view'
import { StepActions } from './step-actions'
import { StepLog } from './step-log'

/** What comes at the time that a step waits for. */
const UNTIL: Record<string, string> = { retry: 'Tried again at', handoff: 'Can be answered until' }

export function StepDetails({ step, canRun = false }: { step: Step | undefined; canRun?: boolean }) {
  if (!step)
    return (
      <p className="sub step-none">
        This step has not run yet.{canRun ? ' Press Run to try the workflow.' : ''}
      </p>
    )
  const took =
    step.started_at && step.ended_at
      ? new Date(step.ended_at).getTime() - new Date(step.started_at).getTime()
      : undefined
  const cause = step.error?.details.step as string | undefined
  return (
    <div className="step-details">
      <div className="step-facts">
        <StatusPill
          status={step.waiting_for?.kind === 'retry' ? 'retrying' : step.status}
          kind={waitingWord(step.waiting_for?.kind)}
          note={seconds(took)}
        />
        {step.attempts > 1 ? <span className="sub">{step.attempts} attempts</span> : null}
        {step.usage?.model ? (
          <span className="sub num">
            {step.usage.model} · {(step.usage.input_tokens ?? 0) + (step.usage.output_tokens ?? 0)} tokens
            {step.usage.cost_usd ? ` · $${step.usage.cost_usd.toFixed(4)}` : ''}
          </span>
        ) : null}
      </div>
      {/* What is typed for one iteration's call is not for another's. */}
      <StepActions key={step.path} step={step} />
      {step.error ? (
        <div className="notice" data-kind="error">
          <CircleAlert aria-hidden />
          <div className="grow">
            <strong>{step.error.message}</strong>
            <div className="sub mono">{step.error.code}</div>
            {cause && cause !== step.path ? (
              <button
                type="button"
                className="link-button"
                onClick={() => {
                  const node = lookAtStep(cause)
                  if (node) useView.getState().select([node], 'result')
                }}
              >
                Show the step that failed
              </button>
            ) : null}
          </div>
        </div>
      ) : null}
      {step.waiting_for?.due_at ? (
        <p className="sub">
          {UNTIL[step.waiting_for.kind] ?? 'Waits until'}{' '}
          <time dateTime={step.waiting_for.due_at}>{new Date(step.waiting_for.due_at).toLocaleString()}</time>
        </p>
      ) : null}
      {step.child_run ? (
        <p>
          <a className="btn btn-sm" href={`/runs/${step.child_run}`}>
            Open the run that it started
          </a>
        </p>
      ) : null}
      <StepLog path={step.path} />
      {step.output !== null ? <ValueView title="What came out" value={step.output} /> : null}
      {step.input !== null ? <ValueView title="What went in" value={step.input} /> : null}
    </div>
  )
}
