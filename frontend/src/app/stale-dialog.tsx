/** Someone else saved in between: take theirs, or keep mine. Nothing is lost either way. */
import { Dialog } from '../shared/ui/dialog'
import { useGraph } from './store/graph'

export function StaleDialog() {
  const isStale = useGraph(store => store.saveState === 'stale')
  if (!isStale) return null
  const { reloadTheirs, overwrite } = useGraph.getState()
  return (
    <Dialog title="The draft was changed elsewhere" onClose={() => undefined}>
      <p>
        Someone saved this workflow since you opened it. With their version, yours stays one step back under
        Undo. With yours, theirs is replaced.
      </p>
      <footer className="sheet-foot">
        <button type="button" className="btn" onClick={() => void overwrite()}>
          Overwrite with mine
        </button>
        <button type="button" className="btn btn-primary" onClick={() => void reloadTheirs()}>
          Load theirs
        </button>
      </footer>
    </Dialog>
  )
}
