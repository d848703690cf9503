/** Puts the repair of a problem into the field it belongs to. */
import type { Problem } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { setConfig } from '../../shared/graph/edit'

export function applyFix(problem: Problem): void {
  if (!problem.node || !problem.field || problem.fix === undefined) return
  const { node: id, field, fix } = problem
  useGraph.getState().change(graph => {
    const node = graph.nodes.find(item => item.id === id)
    return node ? setConfig(graph, id, withValue(node.config, field.split('/'), fix)) : graph
  })
}

function withValue<T>(value: T, path: string[], next: unknown): T {
  const [key, ...rest] = path
  if (key === undefined) return next as T
  if (Array.isArray(value))
    return value.map((item, index) => (String(index) === key ? withValue(item, rest, next) : item)) as T
  const object = (value ?? {}) as Record<string, unknown>
  return { ...object, [key]: withValue(object[key], rest, next) } as T
}
