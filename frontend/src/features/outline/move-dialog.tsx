/** Move steps into a loop or out of it by choosing. */
import { tellCut } from '../../app/notices'
import { useGraph } from '../../app/store/graph'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { nodeOf } from '../../shared/graph/document'
import { carryInto, placesFor } from '../../shared/graph/inside'
import { containersAround, outermost } from '../../shared/graph/nesting'
import { Dialog } from '../../shared/ui/dialog'

export function MoveDialog({ onClose }: { onClose: () => void }) {
  const graph = useGraph(store => store.graph)
  const ids = outermost(
    graph,
    useView.getState().selected.filter(id => nodeOf(graph, id)),
  )
  const name = (id: string) => nodeOf(graph, id)?.title || nodeType(nodeOf(graph, id)?.type)?.title || id
  const places = placesFor(graph, ids, nodeType)
  const wordsFor = (place: string | null) =>
    place === null
      ? 'Outside of every loop'
      : [...containersAround(graph, place).reverse(), place].map(name).join(' › ')
  const go = (place: string | null) => {
    const { graph: next, cut } = carryInto(graph, ids, place, nodeType)
    useGraph.getState().change(() => next)
    tellCut(cut.length)
    onClose()
  }
  return (
    <Dialog
      title={ids.length === 1 ? `Move “${name(ids[0]!)}”` : `Move ${ids.length} steps`}
      onClose={onClose}
    >
      <p className="field-hint dialog-lead">Lines that would cross the edge of a loop are removed.</p>
      <ul className="choice-list">
        {places.map(place => (
          <li key={place ?? ''}>
            <button type="button" onClick={() => go(place)}>
              {wordsFor(place)}
            </button>
          </li>
        ))}
      </ul>
      {places.length === 0 ? (
        <p className="sub">There is no loop that this could move into. Add a “For each” or “Repeat” first.</p>
      ) : null}
    </Dialog>
  )
}
