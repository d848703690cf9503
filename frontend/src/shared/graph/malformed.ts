/** Why the server does not take a graph, as a problem of the step that it stands in. */
import type { Problem } from '../../api/types'
import type { Graph } from './document'

/**
 * The problem of a graph that was refused.
 *
 * path   where in the document, such as `nodes/3/settings/timeout_s`; empty where the whole is meant
 */
export function refusedProblem(graph: Graph, code: string, message: string, path: string): Problem {
  const [part, index, ...field] = path.split('/')
  const node = part === 'nodes' ? graph.nodes[Number(index)] : undefined
  return {
    node: node?.id ?? null,
    field: (node ? field.join('/') : path) || null,
    code,
    message: `This cannot be saved. ${message}`,
    severity: 'error',
  }
}
