/** A watch that cannot look, above the canvas: why, and when it tries again. */
import { TriangleAlert } from 'lucide-react'
import type { Trigger } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { nodeOf } from '../../shared/graph/document'
import { momentText, useWatches } from './use-watches'

export function WatchBar({ triggers }: { triggers: Trigger[] }) {
  const failing = useWatches(triggers).filter(trigger => trigger.watch.error)
  const graph = useGraph(store => store.graph)
  return failing.map(({ node, type, watch }) => (
    <div key={node} className="run-bar watch-bar" role="status">
      <span className="run-words is-error">
        <TriangleAlert aria-hidden />
        <span>
          <strong>{nodeOf(graph, node)?.title || nodeType(type)?.title || node}</strong> cannot look:{' '}
          {String(watch.error?.message ?? '')}
        </span>
      </span>
      <span className="sub num">
        {watch.next_at ? `Next try at ${momentText(watch.next_at)}` : 'Paused'}
        {watch.failures > 1 ? ` · failed ${watch.failures} times` : ''}
      </span>
      {nodeOf(graph, node) ? (
        <button
          type="button"
          className="link-button"
          onClick={() => useView.getState().select([node], 'settings')}
        >
          Show the trigger
        </button>
      ) : null}
    </div>
  ))
}
