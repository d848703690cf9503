/** The steps of a run as a list: state in words, time, attempts; a click shows the details. */
import type { Step } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { useRun } from '../../app/store/run'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { Icon } from '../../shared/ui/icon'
import { StatusPill, seconds } from '../../shared/ui/status'

export function StepsList() {
  const steps = useRun(store => store.steps)
  const graph = useGraph(store => store.graph)
  const selected = useView(store => store.selected[0])
  const done = steps.filter(step => step.status !== 'skipped')
  const skipped = steps.filter(step => step.status === 'skipped')
  const title = (step: Step) =>
    graph.nodes.find(node => node.id === step.node)?.title || nodeType(step.type)?.title || step.node
  return (
    <section className="steps-list" aria-label="Steps of the run">
      <ol>
        {done.map(step => (
          <li key={step.path}>
            <button
              type="button"
              aria-current={selected === step.node || undefined}
              data-tone={nodeType(step.type)?.group}
              onClick={() => useView.getState().select([step.node])}
            >
              <span className="tile is-small">
                <Icon name={nodeType(step.type)?.icon} />
              </span>
              <span className="grow">
                <strong>{title(step)}</strong>
                <span className="sub">
                  {step.taken_from
                    ? 'Taken over'
                    : (step.error?.message ??
                      (step.attempts > 1 ? `${step.attempts} attempts` : (nodeType(step.type)?.title ?? '')))}
                </span>
              </span>
              <StatusPill
                status={step.waiting_for?.kind === 'retry' ? 'retrying' : step.status}
                kind={step.waiting_for?.kind === 'handoff' ? 'person' : undefined}
                note={
                  step.started_at && step.ended_at
                    ? seconds(new Date(step.ended_at).getTime() - new Date(step.started_at).getTime())
                    : undefined
                }
              />
            </button>
          </li>
        ))}
      </ol>
      {skipped.length ? <p className="sub skipped-line">Not taken: {skipped.map(title).join(', ')}</p> : null}
    </section>
  )
}
