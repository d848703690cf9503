/** The exits of a card: names, handles, and a plus on each that leads nowhere. */
import { Handle, Position } from '@xyflow/react'
import { Plus } from 'lucide-react'
import { useGraph } from '../../app/store/graph'
import type { StepState } from '../../app/store/run'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import type { GraphNode } from '../../shared/graph/document'
import { placeAfter } from '../../shared/graph/frames'
import { portBeside, portsOf } from '../../shared/graph/ports'

export function PortsList({
  node,
  state,
  isConnectable,
}: {
  node: GraphNode
  state: StepState | undefined
  isConnectable: boolean
}) {
  const graph = useGraph(store => store.graph)
  const type = nodeType(node.type)
  const ports = portsOf(node, type, graph)
  const used = new Set(graph.edges.filter(edge => edge.source === node.id).map(edge => edge.port))
  const beside = portBeside(type, ports)
  if (!ports.length) return null
  return (
    <ul className="step-ports">
      {ports.map(port => (
        <li
          key={port.name}
          data-kind={port.kind}
          data-used={used.has(port.name) || undefined}
          data-taken={(state?.status === 'succeeded' && state.ports?.includes(port.name)) || undefined}
          data-plain={port.name === beside || undefined}
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
                      at: placeAfter(graph, node.id, nodeType),
                      from: { source: node.id, port: port.name },
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
  )
}
