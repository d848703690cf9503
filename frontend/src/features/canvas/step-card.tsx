/** One step on the canvas: what it is, what it does, its exits, its problems and how it goes in the run. */
import { Handle, type NodeProps, Position } from '@xyflow/react'
import { memo } from 'react'
import { useGraph } from '../../app/store/graph'
import { useStepState } from '../../app/store/iterations'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { nodeOf } from '../../shared/graph/document'
import { summaryOf } from '../../shared/graph/ports'
import { Icon } from '../../shared/ui/icon'
import { CardMark, CardStatus } from './card-marks'
import { PortsList } from './ports-list'
import type { StepNode } from './to-flow'

export const StepCard = memo(function StepCard({ id, selected, isConnectable }: NodeProps<StepNode>) {
  const node = useGraph(store => nodeOf(store.graph, id))
  const type = nodeType(node?.type)
  const hint = useView(store => store.described[id]?.hint)
  const state = useStepState(id)
  if (!node) return null
  return (
    <div
      className="step-card"
      data-tone={type?.group}
      data-selected={selected || undefined}
      data-status={state?.status}
      data-disabled={node.settings?.disabled || undefined}
    >
      <CardStatus state={state} />
      {type?.is_trigger ? null : (
        <Handle
          type="target"
          position={Position.Left}
          id="in"
          className="port is-in"
          isConnectable={isConnectable}
        />
      )}
      <div className="step-head">
        <span className="tile">
          <Icon name={type?.icon} />
        </span>
        <div className="step-words">
          <div className="step-title">{node.title || type?.title || node.type}</div>
          <div className="step-summary">
            {state?.message && state.status === 'running' ? state.message : (hint ?? summaryOf(node, type))}
          </div>
        </div>
        <CardMark id={id} />
      </div>
      <PortsList node={node} state={state} isConnectable={isConnectable} />
    </div>
  )
})
