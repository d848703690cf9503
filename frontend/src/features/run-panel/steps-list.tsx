/** The steps of a run as a list: state in words, time, attempts; of a container those of the iteration that is shown. */
import type { Step } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { lookAtStep, placesOf, stepsByPath, useRounds } from '../../app/store/iterations'
import { useRun } from '../../app/store/run'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { nodeOf } from '../../shared/graph/document'
import { childrenOf } from '../../shared/graph/nesting'
import { Icon } from '../../shared/ui/icon'
import { StatusPill, seconds, waitingWord } from '../../shared/ui/status'
import { Iterations } from '../iterations/iterations'
import { AgentSteps } from './agent-steps'

export function StepsList() {
  return (
    <section className="steps-list" aria-label="Steps of the run">
      <StepsOfLevel container={null} prefix="" />
    </section>
  )
}

/** The steps of one level, in the order in which they began; rows of other levels are never walked. */
function StepsOfLevel({ container, prefix }: { container: string | null; prefix: string }) {
  const steps = useRun(store => stepsByPath(store.steps))
  const places = useRun(store => placesOf(store.steps))
  const graph = useGraph(store => store.graph)
  const own = childrenOf(graph, container)
    .flatMap(node => steps.get(prefix + node.id) ?? [])
    .sort((a, b) => places.get(a.path)! - places.get(b.path)!)
  const skipped = own.filter(step => step.status === 'skipped')
  const title = (step: Step) => nodeOf(graph, step.node)?.title || nodeType(step.type)?.title || step.node
  return (
    <>
      <ol>
        {own
          .filter(step => step.status !== 'skipped')
          .map(step => (
            <li key={step.path}>
              <StepRow step={step} title={title(step)} />
              {nodeType(step.type)?.is_container ? <Body step={step} title={title(step)} /> : null}
              {nodeType(step.type)?.expands ? <AgentSteps path={step.path} /> : null}
            </li>
          ))}
      </ol>
      {skipped.length ? (
        <p className="sub skipped-line">
          Not taken:
          {skipped.map(step => (
            <button key={step.path} type="button" className="link-button" onClick={() => show(step)}>
              {title(step)}
            </button>
          ))}
        </p>
      ) : null}
    </>
  )
}

function show(step: Step) {
  lookAtStep(step.path)
  useView.getState().select([step.node])
}

function Body({ step, title }: { step: Step; title: string }) {
  const { shown } = useRounds(step.path)
  return (
    <div className="steps-body">
      <Iterations container={step.path} title={title} />
      {shown === undefined ? null : <StepsOfLevel container={step.node} prefix={`${step.path}[${shown}]/`} />}
    </div>
  )
}

function StepRow({ step, title }: { step: Step; title: string }) {
  const selected = useView(store => store.selected[0])
  const kind = nodeType(step.type)?.title ?? ''
  return (
    <button
      type="button"
      aria-current={selected === step.node || undefined}
      data-tone={nodeType(step.type)?.group}
      onClick={() => show(step)}
    >
      <span className="tile is-small">
        <Icon name={nodeType(step.type)?.icon} />
      </span>
      <span className="grow">
        <strong>{title}</strong>
        <span className="sub">
          {step.taken_from
            ? 'Taken over'
            : (step.error?.message ??
              (step.attempts > 1 ? `${step.attempts} attempts` : kind === title ? '' : kind))}
        </span>
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
    </button>
  )
}
