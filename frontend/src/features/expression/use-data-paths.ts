/** The data that a field may read, from the last check of the graph and the last run. */
import { createContext, useContext, useMemo } from 'react'
import { useGraph } from '../../app/store/graph'
import { useRound, useShownSteps } from '../../app/store/iterations'
import { useView } from '../../app/store/view'
import { parentOf } from '../../shared/graph/nesting'
import { dataGroups, type Scope } from './data-paths'

export const DataScope = createContext<Scope>('step')

export function useDataPaths(node: string) {
  const scope = useContext(DataScope)
  const graph = useGraph(store => store.graph)
  const described = useView(store => store.described)
  const steps = useShownSteps()
  const round = useRound(scope === 'body' ? node : parentOf(graph, node))
  return useMemo(() => {
    const groups = dataGroups(graph, node, described, steps, scope, round)
    return { groups, flat: groups.flatMap(group => group.paths) }
  }, [graph, node, described, steps, scope, round])
}
