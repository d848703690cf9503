/** Someone else saved in between: take theirs, or keep mine. Nothing is lost either way. */
import { Dialog } from '../shared/ui/dialog'
import { useGraph } from './store/graph'
import { useAction } from './use-action'

export function StaleDialog() {
  const isStale = useGraph(store => store.saveState === 'stale')
  return isStale ? <Choice /> : null
}

function Choice() {
  const { reloadTheirs, overwrite } = useGraph.getState()
  const { busy, problem, act } = useAction()
  return (
    <Dialog title="The draft was changed elsewhere">
      <p>
        Someone saved this workflow since you opened it. With their version, yours stays one step back under
        Undo. With yours, theirs is replaced.
      </p>
      {problem ? (
        <div className="notice" data-kind="error" role="alert">
          <span className="grow">Their version could not be loaded. {problem}</span>
        </div>
      ) : null}
      <footer className="sheet-foot">
        <button type="button" className="btn" disabled={busy} onClick={() => void act(overwrite)}>
          Overwrite with mine
        </button>
        <button
          type="button"
          className="btn btn-primary"
          disabled={busy}
          onClick={() => void act(reloadTheirs)}
        >
          Load theirs
        </button>
      </footer>
    </Dialog>
  )
}
