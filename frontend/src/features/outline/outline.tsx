/** The graph as a list in run order: the same steps, for keyboards, readers and small screens. */
import { ArrowRight, FolderInput, Link2, List, Plus, Trash2, X } from 'lucide-react'
import { HistoryTools } from '../../app/history-tools'
import { ProblemsButton } from '../../app/problems-button'
import { useGraph } from '../../app/store/graph'
import { useStepState } from '../../app/store/iterations'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { type GraphNode, nodeOf } from '../../shared/graph/document'
import { remove, runOrder } from '../../shared/graph/edit'
import { placesFor, spotInside } from '../../shared/graph/inside'
import { portsOf, summaryOf } from '../../shared/graph/ports'
import { focusSteps } from '../../shared/ui/focus-steps'
import { Icon } from '../../shared/ui/icon'
import { StatusPill } from '../../shared/ui/status'

export function Outline() {
  const graph = useGraph(store => store.graph)
  const readOnly = useGraph(store => store.readOnly)
  const selected = useView(store => store.selected)
  const title = (id: string) => {
    const node = nodeOf(graph, id)
    return node?.title || nodeType(node?.type)?.title || id
  }
  return (
    <>
      <nav className="outline" aria-label="Steps as a list" tabIndex={-1}>
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
        <Level container={null} selected={selected} readOnly={readOnly} title={title} />
      </nav>
      <div className="toolbar outline-tools" role="toolbar" aria-label="List tools">
        {readOnly ? null : <HistoryTools />}
        <ProblemsButton />
        {readOnly ? null : (
          <button
            type="button"
            className="btn btn-sm btn-primary"
            onClick={() => useView.getState().set({ quickAdd: { at: { x: 0, y: 0 } } })}
          >
            <Plus aria-hidden /> Add step
          </button>
        )}
      </div>
    </>
  )
}

type LevelProps = { selected: string[]; readOnly: boolean; title: (id: string) => string }

/** The steps outside of any loop, or those in one. */
function Level({ container, ...shared }: LevelProps & { container: string | null }) {
  const graph = useGraph(store => store.graph)
  return (
    <ol>
      {runOrder(graph, container, nodeType).map(id => (
        <OutlineRow key={id} node={nodeOf(graph, id)!} {...shared} />
      ))}
    </ol>
  )
}

function OutlineRow({ node, selected, readOnly, title }: LevelProps & { node: GraphNode }) {
  const isSelected = selected.includes(node.id)
  const graph = useGraph(store => store.graph)
  const state = useStepState(node.id)
  const type = nodeType(node.type)
  const ports = portsOf(node, type, graph)
  const edges = graph.edges.filter(edge => edge.source === node.id)
  const canMove = placesFor(graph, [node.id], nodeType).length > 0
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
            {canMove ? (
              <button
                type="button"
                className="icon-button"
                aria-label={`Move ${title(node.id)} into or out of a loop`}
                onClick={() => useView.getState().set({ selected: [node.id], dialog: 'move' })}
              >
                <FolderInput aria-hidden />
              </button>
            ) : null}
            <button
              type="button"
              className="icon-button"
              aria-label={`Delete ${title(node.id)}`}
              onClick={() => {
                useGraph.getState().change(current => remove(current, [node.id], []))
                focusSteps()
              }}
            >
              <Trash2 aria-hidden />
            </button>
          </span>
        )}
      </div>
      {type?.is_container ? (
        <div className="outline-body">
          <Level container={node.id} selected={selected} readOnly={readOnly} title={title} />
          {readOnly ? null : (
            <button
              type="button"
              className="add-button"
              onClick={() => useView.getState().set({ quickAdd: spotInside(graph, node.id, nodeType) })}
            >
              <Plus aria-hidden /> Add a step inside {title(node.id)}
            </button>
          )}
        </div>
      ) : null}
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
                  onClick={() => {
                    useGraph.getState().change(current => remove(current, [], [edge]))
                    focusSteps()
                  }}
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
