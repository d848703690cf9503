/** One step on the canvas: what it is, what it does, its exits, its problems and how it goes in the run. */
import { Handle, type NodeProps, Position } from '@xyflow/react'
import { CircleAlert, Plus, TriangleAlert } from 'lucide-react'
import { memo } from 'react'
import { useGraph } from '../../app/store/graph'
import { useRun } from '../../app/store/run'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { portsOf, summaryOf } from '../../shared/graph/ports'
import { Icon } from '../../shared/ui/icon'
import { StatusPill, seconds } from '../../shared/ui/status'
import type { StepNode } from './to-flow'

export const StepCard = memo(function StepCard({ id, selected, isConnectable }: NodeProps<StepNode>) {
  const node = useGraph(store => store.graph.nodes.find(item => item.id === id))
  const graph = useGraph(store => store.graph)
  const type = nodeType(node?.type)
  const hint = useView(store => store.described[id]?.hint)
  const state = useRun(store => store.states[id])
  const worst = useView(store => {
    const own = store.problems.filter(problem => problem.node === id)
    return own.some(problem => problem.severity === 'error') ? 'error' : own.length ? 'warning' : ''
  })
  if (!node) return null
  const ports = portsOf(node, type, graph)
  const used = new Set(graph.edges.filter(edge => edge.source === id).map(edge => edge.port))
  const single = ports.filter(port => port.kind !== 'error').length === 1 && ports[0]?.name === 'out'
  return (
    <div
      className="step-card"
      data-tone={type?.group}
      data-selected={selected || undefined}
      data-status={state?.status}
      data-disabled={node.settings?.disabled || undefined}
    >
      {state ? (
        <div className="step-status">
          <StatusPill
            status={state.status}
            kind={state.status === 'waiting' && state.waiting === 'handoff' ? 'person' : undefined}
            note={
              state.status === 'succeeded' || state.status === 'failed'
                ? seconds(state.durationMs)
                : undefined
            }
          />
        </div>
      ) : null}
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
        {worst === 'error' ? (
          <CircleAlert className="step-mark is-error" aria-label="Has a problem" />
        ) : worst === 'warning' ? (
          <TriangleAlert className="step-mark is-warning" aria-label="Has a warning" />
        ) : null}
      </div>
      {ports.length ? (
        <ul className="step-ports">
          {ports.map(port => (
            <li
              key={port.name}
              data-kind={port.kind}
              data-used={used.has(port.name) || undefined}
              data-taken={(state?.status === 'succeeded' && state.ports?.includes(port.name)) || undefined}
              data-plain={(single && port.kind === 'plain') || undefined}
            >
              <span>{port.title || (port.name === 'out' ? '' : port.name)}</span>
              <Handle
                type="source"
                position={Position.Right}
                id={port.name}
                className="port is-out"
                data-port={port.name}
                isConnectable={isConnectable}
              >
                {isConnectable && !used.has(port.name) ? (
                  <button
                    type="button"
                    className="port-plus nopan"
                    tabIndex={-1}
                    aria-label={`Add a step after ${node.title || type?.title}, exit ${port.title || 'next'}`}
                    onClick={event => {
                      event.stopPropagation()
                      useView.getState().set({
                        quickAdd: {
                          at: { x: node.position.x + 312, y: node.position.y },
                          from: { source: id, port: port.name },
                        },
                      })
                    }}
                  >
                    <Plus aria-hidden />
                  </button>
                ) : null}
              </Handle>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  )
})
