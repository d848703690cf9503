/** The data that a step may read, from the last check of the graph and the last run. */
import { useMemo } from 'react'
import { useGraph } from '../../app/store/graph'
import { useRun } from '../../app/store/run'
import { useView } from '../../app/store/view'
import { dataGroups } from './data-paths'

export function useDataPaths(node: string) {
  const graph = useGraph(store => store.graph)
  const described = useView(store => store.described)
  const steps = useRun(store => store.steps)
  return useMemo(() => {
    const groups = dataGroups(graph, node, described, steps)
    return { groups, flat: groups.flatMap(group => group.paths) }
  }, [graph, node, described, steps])
}
