/** A line between steps: green where the run went, moving where it is, with a plus in the middle. */
import { BaseEdge, EdgeLabelRenderer, type EdgeProps, getBezierPath } from '@xyflow/react'
import { Plus } from 'lucide-react'
import { memo, useState } from 'react'
import { useGraph } from '../../app/store/graph'
import { useStepState } from '../../app/store/iterations'
import { useView } from '../../app/store/view'

export const StepEdge = memo(function StepEdge(props: EdgeProps) {
  const { id, source, sourceHandleId, target, sourceX, sourceY, targetX, targetY, selected } = props
  const [hover, setHover] = useState(false)
  const readOnly = useGraph(store => store.readOnly)
  const from = useStepState(source)
  const to = useStepState(target)
  const look = from?.ports?.includes(sourceHandleId ?? '')
    ? to?.status === 'running'
      ? 'running'
      : 'done'
    : ''
  const [path, labelX, labelY] = getBezierPath({
    ...props,
    sourceX,
    sourceY,
    targetX,
    targetY,
    curvature: 0.3,
  })
  const port = sourceHandleId ?? 'out'
  return (
    <>
      <g onMouseEnter={() => setHover(true)} onMouseLeave={() => setHover(false)}>
        <BaseEdge
          id={id}
          path={path}
          interactionWidth={24}
          className={`step-edge ${look && `is-${look}`} ${selected ? 'is-selected' : ''} ${port === 'error' ? 'is-error' : ''}`}
        />
      </g>
      {!readOnly && (hover || selected) ? (
        <EdgeLabelRenderer>
          <button
            type="button"
            className="edge-plus nopan nodrag"
            aria-label="Add a step here"
            style={{ transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px)` }}
            onMouseEnter={() => setHover(true)}
            onMouseLeave={() => setHover(false)}
            onClick={() => {
              const place = useGraph.getState().graph.nodes.find(node => node.id === target)?.position
              useView.getState().set({
                quickAdd: { at: place ?? { x: labelX, y: labelY }, onEdge: { source, port, target } },
              })
            }}
          >
            <Plus aria-hidden />
          </button>
        </EdgeLabelRenderer>
      ) : null}
    </>
  )
})
