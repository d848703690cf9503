/** A watch that cannot look, above the canvas: why, and when it tries again. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { RotateCw, TriangleAlert } from 'lucide-react'
import { lookNow } from '../../api/requests'
import type { Trigger } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { may, nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { nodeOf } from '../../shared/graph/document'
import { momentText, useWatches } from './use-watches'

function LookNow({ node }: { node: string }) {
  const workflow = useGraph(store => store.workflow)
  const queries = useQueryClient()
  const looking = useMutation({
    mutationFn: () => lookNow(workflow, node),
    onSettled: () => queries.invalidateQueries({ queryKey: ['watches', workflow] }),
    onError: error => useView.getState().set({ notice: { text: error.message } }),
  })
  return (
    <button
      type="button"
      className="btn btn-sm"
      disabled={looking.isPending}
      onClick={() => looking.mutate()}
    >
      <RotateCw aria-hidden /> Look now
    </button>
  )
}

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
      {watch.next_at && may('run') ? <LookNow node={node} /> : null}
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
