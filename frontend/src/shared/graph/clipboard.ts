/** Copy and paste: nodes with what stands in them, and the lines among them, as text. */
import type { Edge, Graph, GraphNode } from './document'
import { makeRoom, moveBy, shiftInto } from './frames'
import { freeId } from './ids'
import { isContainer, type Types, withBodies, withParent } from './nesting'

export type Clipboard = { kind: 'workflow-steps'; version: 1; nodes: GraphNode[]; edges: Edge[] }

export function copy(graph: Graph, ids: string[]): Clipboard {
  const chosen = withBodies(graph, ids)
  return {
    kind: 'workflow-steps',
    version: 1,
    nodes: graph.nodes.filter(node => chosen.has(node.id)),
    edges: graph.edges.filter(edge => chosen.has(edge.source) && chosen.has(edge.target)),
  }
}

export function readClipboard(text: string): Clipboard | null {
  try {
    const value = JSON.parse(text)
    const fits =
      value?.kind === 'workflow-steps' &&
      Array.isArray(value.nodes) &&
      Array.isArray(value.edges) &&
      value.nodes.every((node: GraphNode) => typeof node?.id === 'string' && typeof node.type === 'string')
    return fits ? (value as Clipboard) : null
  } catch {
    return null
  }
}

const SHIFT = 40

/** New ids, lines among the pasted only, references among them rewritten; returns the new ids too.
 *
 * into   the container that takes what stood outermost; `null` is outside of any
 */
export function paste(
  graph: Graph,
  clip: Clipboard,
  into: string | null,
  types: Types,
): { graph: Graph; ids: string[] } {
  const taken = new Set(graph.nodes.map(node => node.id))
  const names = new Map<string, string>()
  for (const node of clip.nodes) {
    const id = freeId(node.id, taken, node.type)
    taken.add(id)
    names.set(node.id, id)
  }
  const nodes = clip.nodes.map(node => ({
    ...withParent(node, names.get(node.parent ?? '') ?? into),
    id: names.get(node.id)!,
    config: rewrite(node.config, names),
    position: { x: node.position?.x ?? 0, y: node.position?.y ?? 0 },
  }))
  const edges = clip.edges
    .filter(edge => names.has(edge.source) && names.has(edge.target))
    .map(edge => ({ ...edge, source: names.get(edge.source)!, target: names.get(edge.target)! }))
  const added = { ...graph, nodes: [...graph.nodes, ...nodes], edges: [...graph.edges, ...edges] }
  const outer = nodes.filter(node => (node.parent ?? null) === into).map(node => node.id)
  const wasBeside = clip.nodes.every(node => names.has(node.parent ?? '') || (node.parent ?? null) === into)
  // Cards may lie over each other like paper; frames that do cannot be read.
  const isPile = wasBeside && !outer.some(id => isContainer(added, id, types))
  const shift = isPile ? { x: SHIFT, y: SHIFT } : shiftInto(added, outer, into, types)
  const placed = moveBy(added, new Map(outer.map(id => [id, shift])))
  return { graph: makeRoom(graph, placed, into, types), ids: outer }
}

function rewrite<T>(value: T, names: Map<string, string>): T {
  if (typeof value === 'string')
    return value.replace(/\{\{.*?\}\}/gs, part =>
      part.replace(/\b(steps|errors)\.(\??)([a-z][a-z0-9_]*)/g, (all, root, mark, id) =>
        names.has(id) ? `${root}.${mark}${names.get(id)}` : all,
      ),
    ) as T
  if (Array.isArray(value)) return value.map(item => rewrite(item, names)) as T
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rewrite(item, names)])) as T
  return value
}
