/** Where steps stand in a run: `lookup` outside of any container, `orders[3]/lookup` in the fourth iteration of one. */
import type { Graph } from './document'
import { containersAround } from './nesting'

/** The path of a container -> the index of the iteration that is looked at. */
export type Look = (container: string) => number | undefined

/** The step that a node is, in the iterations that are looked at; nothing while one of them has not begun. */
export function pathOf(graph: Graph, id: string, look: Look): string | null {
  let path = ''
  for (const container of [...containersAround(graph, id)].reverse()) {
    const index = look(path + container)
    if (index === undefined) return null
    path += `${container}[${index}]/`
  }
  return path + id
}

export const nodeOfPath = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

export const prefixOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1)

/** The containers around a step with the iterations it stands in, the outermost first. */
export function iterationsAround(path: string): { container: string; index: number }[] {
  const parts = path.split('/')
  return parts.slice(0, -1).map((part, at) => {
    const open = part.lastIndexOf('[')
    const before = parts.slice(0, at).map(piece => `${piece}/`)
    return { container: before.join('') + part.slice(0, open), index: Number(part.slice(open + 1, -1)) }
  })
}
