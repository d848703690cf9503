/** How the live watch of a trigger is, in its settings. */
import { momentText, useWatches } from './use-watches'

export function WatchState({ node }: { node: string }) {
  const watch = useWatches([]).find(trigger => trigger.node === node)?.watch
  if (!watch) return null
  return (
    <div className="watch-state" data-kind={watch.error ? 'error' : undefined}>
      {watch.error ? <p className="field-error">{String(watch.error.message ?? '')}</p> : null}
      <p className="field-hint num">
        {watch.looked_at ? `Looked at ${momentText(watch.looked_at)}` : 'Has not looked yet'}
        {watch.remembered === 1 ? ' · remembers 1 item' : ` · remembers ${watch.remembered} items`}
        {watch.next_at ? ` · next at ${momentText(watch.next_at)}` : ' · paused'}
      </p>
    </div>
  )
}
