/** What a node did in the run: of a container its iterations, of a step in one what it did in the one that is shown. */
import { useGraph } from '../../app/store/graph'
import { usePath, useStep } from '../../app/store/iterations'
import { nodeType } from '../../app/store/session'
import { type GraphNode, nodeOf } from '../../shared/graph/document'
import { iterationsAround, nodeOfPath } from '../../shared/graph/run-paths'
import { IterationSteps } from '../iterations/iteration-steps'
import { Iterations } from '../iterations/iterations'
import { AgentSteps } from './agent-steps'
import { StepDetails } from './step-details'

/**
 * canRun   whether the page has a Run button to try the step with
 */
export function StepResult({ node, canRun = false }: { node: GraphNode; canRun?: boolean }) {
  const path = usePath(node.id)
  const step = useStep(node.id)
  const type = nodeType(node.type)
  return (
    <>
      {path
        ? iterationsAround(path).map(({ container }) => <Around key={container} path={container} />)
        : null}
      {path && step && type?.is_container && step.status !== 'skipped' ? (
        <Iterations container={path} title={node.title || type.title} />
      ) : null}
      <StepDetails step={step} canRun={canRun} />
      {path && type?.expands ? <AgentSteps path={path} /> : null}
    </>
  )
}

/** A container around the step: which of its iterations is shown, and the way to another. */
function Around({ path }: { path: string }) {
  const node = useGraph(store => nodeOf(store.graph, nodeOfPath(path)))
  const title = node?.title || nodeType(node?.type)?.title || path
  return (
    <div className="iteration-around">
      <span className="grow">Iteration of {title}</span>
      <IterationSteps container={path} title={title} />
    </div>
  )
}
