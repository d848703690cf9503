/** A container on the canvas: a frame around the steps in it, with its title, its exits and how its iterations go. */
import { Handle, type NodeProps, Position } from '@xyflow/react'
import { Plus } from 'lucide-react'
import { memo } from 'react'
import { useGraph } from '../../app/store/graph'
import { usePath, useStepState } from '../../app/store/iterations'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { nodeOf } from '../../shared/graph/document'
import { spotInside } from '../../shared/graph/inside'
import { childrenOf } from '../../shared/graph/nesting'
import { summaryOf } from '../../shared/graph/ports'
import { Icon } from '../../shared/ui/icon'
import { IterationSteps } from '../iterations/iteration-steps'
import { CardMark, CardStatus } from './card-marks'
import { PortsList } from './ports-list'
import type { StepNode } from './to-flow'

export const ContainerCard = memo(function ContainerCard({
  id,
  selected,
  isConnectable,
}: NodeProps<StepNode>) {
  const node = useGraph(store => nodeOf(store.graph, id))
  const isEmpty = useGraph(store => childrenOf(store.graph, id).length === 0)
  const readOnly = useGraph(store => store.readOnly)
  const isTarget = useView(store => store.dropTarget === id)
  const path = usePath(id)
  const state = useStepState(id)
  const type = nodeType(node?.type)
  if (!node) return null
  const title = node.title || type?.title || node.type
  const add = () => {
    const { graph } = useGraph.getState()
    useView.getState().set({ quickAdd: spotInside(graph, id, nodeType) })
  }
  return (
    <div
      className="container-card"
      data-tone={type?.group}
      data-selected={selected || undefined}
      data-target={isTarget || undefined}
      data-status={state?.status}
      data-disabled={node.settings?.disabled || undefined}
    >
      <CardStatus state={state} />
      <Handle
        type="target"
        position={Position.Left}
        id="in"
        className="port is-in"
        isConnectable={isConnectable}
      />
      <div className="step-head">
        <span className="tile">
          <Icon name={type?.icon} />
        </span>
        <div className="step-words">
          <div className="step-title">{title}</div>
          <div className="step-summary">{summaryOf(node, type)}</div>
        </div>
        {path && state ? <IterationSteps container={path} title={title} /> : null}
        <CardMark id={id} />
        {readOnly ? null : (
          <button
            type="button"
            className="icon-button nodrag"
            aria-label={`Add a step inside ${title}`}
            title="Add a step inside (I)"
            onClick={event => {
              event.stopPropagation()
              add()
            }}
          >
            <Plus aria-hidden />
          </button>
        )}
      </div>
      <div className="container-body">
        {isEmpty && !readOnly ? (
          <div className="container-empty">
            <span>Drag steps in here</span>
            <button
              type="button"
              className="btn btn-sm nodrag"
              onClick={event => {
                event.stopPropagation()
                add()
              }}
            >
              <Plus aria-hidden /> Add step
            </button>
          </div>
        ) : null}
      </div>
      <PortsList node={node} state={state} isConnectable={isConnectable} />
    </div>
  )
})
