/** Connect by choosing: an exit and a target that is allowed. */
import { useState } from 'react'
import { useGraph } from '../../app/store/graph'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { nodeOf } from '../../shared/graph/document'
import { connect, refusedLine } from '../../shared/graph/edit'
import { portsOf } from '../../shared/graph/ports'
import { Dialog } from '../../shared/ui/dialog'

export function ConnectDialog({ onClose }: { onClose: () => void }) {
  const graph = useGraph(store => store.graph)
  const source = nodeOf(graph, useView.getState().selected[0] ?? null)
  const ports = source ? portsOf(source, nodeType(source.type), graph) : []
  const [port, setPort] = useState(ports[0]?.name ?? '')
  if (!source) return null
  const targets = graph.nodes.filter(
    node => refusedLine(graph, { source: source.id, port, target: node.id }, nodeType) === '',
  )
  const name = (id: string) => nodeOf(graph, id)?.title || nodeType(nodeOf(graph, id)?.type)?.title || id
  return (
    <Dialog title={`Connect “${name(source.id)}”`} onClose={onClose}>
      {ports.length > 1 ? (
        <div className="field">
          <label htmlFor="exit">Exit</label>
          <select id="exit" className="select" value={port} onChange={event => setPort(event.target.value)}>
            {ports.map(item => (
              <option key={item.name} value={item.name}>
                {item.title || 'Next'}
              </option>
            ))}
          </select>
        </div>
      ) : null}
      <ul className="choice-list">
        {targets.map(node => (
          <li key={node.id}>
            <button
              type="button"
              onClick={() => {
                useGraph
                  .getState()
                  .change(current => connect(current, { source: source.id, port, target: node.id }))
                onClose()
              }}
            >
              {name(node.id)}
            </button>
          </li>
        ))}
      </ul>
      {targets.length === 0 ? (
        <p className="sub">There is no step that this exit could lead to. Add one first.</p>
      ) : null}
    </Dialog>
  )
}
