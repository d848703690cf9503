/** What an agent did inside its step: the turns of its model and the calls that it asked for, in their order. */
import type { Step } from '../../api/types'
import { useRun } from '../../app/store/run'
import { Icon } from '../../shared/ui/icon'
import { StatusPill, seconds, waitingWord } from '../../shared/ui/status'
import { StepDetails } from './step-details'

const PLACE = /^\[(\d+)\]\/[^/]+$/

/** The index of the iteration that a step made up by `agent` stands in; nothing for other steps. */
function indexIn(agent: string, path: string): number | undefined {
  const place = path.startsWith(agent) ? PLACE.exec(path.slice(agent.length)) : null
  return place ? Number(place[1]) : undefined
}

export function AgentSteps({ path }: { path: string }) {
  const all = useRun(store => store.steps)
  const steps = all.filter(step => indexIn(path, step.path) !== undefined)
  if (steps.length === 0) return null
  const turns = steps.filter(step => step.type === 'llm_turn').map(step => step.path)
  return (
    <ol className="agent-steps" aria-label="What the agent did">
      {steps.map(step => (
        <li key={step.path}>
          <details>
            <summary>
              <span className="tile is-small">
                <Icon name={step.type === 'llm_turn' ? 'sparkles' : 'plug'} />
              </span>
              <span className="grow">
                <strong>{titleOf(step, turns)}</strong>
                <span className="sub">{saying(step)}</span>
              </span>
              <StatusPill
                status={step.waiting_for?.kind === 'retry' ? 'retrying' : step.status}
                kind={waitingWord(step.waiting_for?.kind)}
                note={
                  step.started_at && step.ended_at
                    ? seconds(new Date(step.ended_at).getTime() - new Date(step.started_at).getTime())
                    : undefined
                }
              />
            </summary>
            <StepDetails step={step} />
          </details>
        </li>
      ))}
    </ol>
  )
}

function titleOf(step: Step, turns: string[]): string {
  if (step.type === 'llm_turn') return `Turn ${turns.indexOf(step.path) + 1}`
  return String((step.input as { tool?: string } | null)?.tool ?? step.node)
}

/** One line of what happened: the model's words or the calls that it wants, the tool's server or its failure. */
function saying(step: Step): string {
  if (step.error) return step.error.message
  if (step.type !== 'llm_turn') return String((step.input as { server?: string } | null)?.server ?? '')
  const said = step.output as { text?: string; calls?: { tool: string; name: string }[] } | null
  const calls = said?.calls?.map(call => call.tool || call.name) ?? []
  return calls.length ? `Calls ${calls.join(', ')}` : (said?.text ?? '')
}
