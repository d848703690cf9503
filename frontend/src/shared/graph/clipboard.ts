/** Copy and paste: nodes with what stands in them, the lines among them, and notes, as text. */
import { parseJson } from '../exact-json'
import { type Edge, type Graph, type GraphNode, type Note, noteKey, type Position } from './document'
import { makeRoom, moveBy, shiftInto } from './frames'
import { freeId } from './ids'
import { isContainer, type Types, withBodies, withParent } from './nesting'
import { replaceParts } from './templates'

export type Clipboard = {
  kind: 'workflow-steps'
  version: 1
  nodes: GraphNode[]
  edges: Edge[]
  notes: Note[]
}

/** ids   of nodes, and keys of notes */
export function copy(graph: Graph, ids: string[]): Clipboard {
  const chosen = withBodies(graph, ids)
  return {
    kind: 'workflow-steps',
    version: 1,
    nodes: graph.nodes.filter(node => chosen.has(node.id)),
    edges: graph.edges.filter(edge => chosen.has(edge.source) && chosen.has(edge.target)),
    notes: graph.notes.filter(note => chosen.has(noteKey(note.id))),
  }
}

/** The steps and notes that a text holds; what copies a step alone leaves notes out. */
export function readClipboard(text: string): Clipboard | null {
  try {
    const value = parseJson(text) as (Partial<Clipboard> & { kind?: unknown }) | null
    const notes = value?.notes ?? []
    const fits =
      value?.kind === 'workflow-steps' &&
      Array.isArray(value.nodes) &&
      Array.isArray(value.edges) &&
      value.nodes.every((node: GraphNode) => typeof node?.id === 'string' && typeof node.type === 'string') &&
      Array.isArray(notes) &&
      notes.every((note: Note) => typeof note?.id === 'string' && typeof note.text === 'string')
    return fits ? { ...(value as Clipboard), notes } : null
  } catch {
    return null
  }
}

const SHIFT = 40

/** New ids, lines among the pasted only, references among them rewritten; returns the new ids, and keys of notes, too.
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
  const notes = pastedNotes(graph, clip, shift)
  const roomy = makeRoom(graph, placed, into, types)
  return {
    graph: { ...roomy, notes: [...roomy.notes, ...notes] },
    ids: [...outer, ...notes.map(note => noteKey(note.id))],
  }
}

function pastedNotes(graph: Graph, clip: Clipboard, shift: Position): Note[] {
  const taken = new Set(graph.notes.map(note => note.id))
  return clip.notes.map(note => {
    const id = freeId(note.id, taken, 'note')
    taken.add(id)
    return {
      ...note,
      id,
      position: { x: (note.position?.x ?? 0) + shift.x, y: (note.position?.y ?? 0) + shift.y },
    }
  })
}

function rewrite<T>(value: T, names: Map<string, string>): T {
  if (typeof value === 'string')
    return replaceParts(value, part =>
      part.replace(/\b(steps|errors)\.(\??)([a-z][a-z0-9_]*)/g, (all, root, mark, id) =>
        names.has(id) ? `${root}.${mark}${names.get(id)}` : all,
      ),
    ) as T
  if (Array.isArray(value)) return value.map(item => rewrite(item, names)) as T
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rewrite(item, names)])) as T
  return value
}
