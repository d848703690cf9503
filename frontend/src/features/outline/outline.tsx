/** The graph as a list in run order: the same steps, for keyboards, readers and small screens. */
import { ArrowRight, Link2, List, Trash2, X } from 'lucide-react'
import { useGraph } from '../../app/store/graph'
import { useRun } from '../../app/store/run'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import type { GraphNode } from '../../shared/graph/document'
import { remove, runOrder } from '../../shared/graph/edit'
import { portsOf, summaryOf } from '../../shared/graph/ports'
import { Icon } from '../../shared/ui/icon'
import { StatusPill } from '../../shared/ui/status'

export function Outline() {
  const graph = useGraph(store => store.graph)
  const readOnly = useGraph(store => store.readOnly)
  const selected = useView(store => store.selected)
  const isTrigger = (id: string) =>
    nodeType(graph.nodes.find(node => node.id === id)?.type)?.is_trigger ?? false
  const order = runOrder(graph, isTrigger)
  const title = (id: string) => {
    const node = graph.nodes.find(item => item.id === id)
    return node?.title || nodeType(node?.type)?.title || id
  }
  return (
    <nav className="outline" aria-label="Steps as a list">
      <header>
        <h2>
          <List aria-hidden /> Steps as a list
        </h2>
        <button
          type="button"
          className="btn btn-sm"
          onClick={() => useView.getState().set({ showList: false })}
        >
          <X aria-hidden /> Show canvas
        </button>
      </header>
      <ol>
        {order.map(id => {
          const node = graph.nodes.find(item => item.id === id)!
          return (
            <OutlineRow
              key={id}
              node={node}
              isSelected={selected.includes(id)}
              readOnly={readOnly}
              title={title}
            />
          )
        })}
      </ol>
      {readOnly ? null : (
        <button
          type="button"
          className="btn btn-primary"
          onClick={() => useView.getState().set({ quickAdd: { at: { x: 0, y: 0 } } })}
        >
          Add step
        </button>
      )}
    </nav>
  )
}

function OutlineRow({
  node,
  isSelected,
  readOnly,
  title,
}: {
  node: GraphNode
  isSelected: boolean
  readOnly: boolean
  title: (id: string) => string
}) {
  const graph = useGraph(store => store.graph)
  const state = useRun(store => store.states[node.id])
  const type = nodeType(node.type)
  const ports = portsOf(node, type, graph)
  const edges = graph.edges.filter(edge => edge.source === node.id)
  return (
    <li data-tone={type?.group} data-selected={isSelected || undefined}>
      <div className="outline-row">
        <button type="button" className="outline-open" onClick={() => useView.getState().select([node.id])}>
          <span className="tile is-small">
            <Icon name={type?.icon} />
          </span>
          <span className="grow">
            <strong>{title(node.id)}</strong>
            <span className="sub">{summaryOf(node, type)}</span>
          </span>
          {state ? <StatusPill status={state.status} /> : null}
        </button>
        {readOnly ? null : (
          <span className="row-tools">
            <button
              type="button"
              className="icon-button"
              aria-label={`Connect ${title(node.id)}`}
              onClick={() => useView.getState().set({ selected: [node.id], dialog: 'connect' })}
            >
              <Link2 aria-hidden />
            </button>
            <button
              type="button"
              className="icon-button"
              aria-label={`Delete ${title(node.id)}`}
              onClick={() => useGraph.getState().change(current => remove(current, [node.id], []))}
            >
              <Trash2 aria-hidden />
            </button>
          </span>
        )}
      </div>
      {edges.length ? (
        <ul className="outline-edges">
          {edges.map(edge => (
            <li key={`${edge.port}${edge.target}`} className="sub">
              <ArrowRight aria-hidden />
              {ports.find(port => port.name === edge.port)?.title || 'then'}: {title(edge.target)}
              {readOnly ? null : (
                <button
                  type="button"
                  className="link-button"
                  onClick={() => useGraph.getState().change(current => remove(current, [], [edge]))}
                >
                  Disconnect
                </button>
              )}
            </li>
          ))}
        </ul>
      ) : null}
    </li>
  )
}
