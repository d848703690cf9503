/** How the watches of the live version are, asked for as long as somebody looks. */
import { useQuery } from '@tanstack/react-query'
import { readWorkflow } from '../../api/requests'
import type { Trigger } from '../../api/types'
import { useGraph } from '../../app/store/graph'

export type Watched = Trigger & { watch: NonNullable<Trigger['watch']> }

const EVERY_MS = 5_000
const WATCH = 'watch_trigger'

/** Those of the live version; nothing is asked where neither it nor the draft has any. */
export function useWatches(triggers: Trigger[]): Watched[] {
  const workflow = useGraph(store => store.workflow)
  const drawn = useGraph(store => store.graph.nodes.some(node => node.type === WATCH))
  const { data } = useQuery({
    queryKey: ['watches', workflow],
    queryFn: async () => (await readWorkflow(workflow)).triggers,
    enabled: drawn || triggers.some(trigger => trigger.type === WATCH),
    refetchInterval: EVERY_MS,
    placeholderData: triggers,
  })
  return (data ?? triggers).filter((trigger): trigger is Watched => Boolean(trigger.watch))
}

export function momentText(time: string | null): string {
  if (!time) return ''
  const at = new Date(time)
  const isToday = at.toDateString() === new Date().toDateString()
  return isToday
    ? at.toLocaleTimeString()
    : at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}
