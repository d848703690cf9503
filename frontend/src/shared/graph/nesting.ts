/** What stands in what: containers hold the nodes whose `parent` is their id, to any depth. */
import type { NodeType } from '../../api/types'
import { type Graph, type GraphNode, nodeMap, nodeOf } from './document'

/** Containers around a step: as deep as the server lets them nest. */
export const MAX_NESTING = 5

/** The node types by name, as the catalogue gives them. */
export type Types = (name: string) => NodeType | undefined

export const isTrigger = (graph: Graph, id: string, types: Types): boolean =>
  types(nodeOf(graph, id)?.type ?? '')?.is_trigger ?? false
export const isContainer = (graph: Graph, id: string, types: Types): boolean =>
  types(nodeOf(graph, id)?.type ?? '')?.is_container ?? false

const bodies = new WeakMap<Graph, Map<string | null, GraphNode[]>>()

/** The nodes directly in a container, in the order of the document; `null` asks for those outside of any. */
export function childrenOf(graph: Graph, container: string | null): GraphNode[] {
  let found = bodies.get(graph)
  if (!found) {
    found = new Map()
    for (const node of graph.nodes) {
      const key = parentOf(graph, node.id)
      const body = found.get(key)
      if (body) body.push(node)
      else found.set(key, [node])
    }
    bodies.set(graph, found)
  }
  return found.get(container) ?? []
}

/** The container of a node; a parent that does not exist, or that stands in its own child, counts as none. */
export function parentOf(graph: Graph, id: string): string | null {
  const parent = nodeMap(graph).get(id)?.parent ?? null
  return parent !== null && isSound(graph, id) ? parent : null
}

function isSound(graph: Graph, id: string): boolean {
  const nodes = nodeMap(graph)
  const seen = new Set([id])
  let at = nodes.get(id)?.parent ?? null
  while (at !== null) {
    if (seen.has(at) || !nodes.has(at)) return false
    seen.add(at)
    at = nodes.get(at)?.parent ?? null
  }
  return true
}

/** Every container around a node, the nearest first. */
export function containersAround(graph: Graph, id: string): string[] {
  const found: string[] = []
  for (let at = parentOf(graph, id); at !== null; at = parentOf(graph, at)) found.push(at)
  return found
}

/** The nodes and everything in them. */
export function withBodies(graph: Graph, ids: Iterable<string>): Set<string> {
  const found = new Set<string>()
  const pending = [...ids]
  while (pending.length) {
    const id = pending.pop()!
    if (found.has(id)) continue
    found.add(id)
    pending.push(...childrenOf(graph, id).map(node => node.id))
  }
  return found
}

/** Those of the nodes that stand in none of the others. */
export function outermost(graph: Graph, ids: string[]): string[] {
  const chosen = new Set(ids)
  return ids.filter(id => !containersAround(graph, id).some(around => chosen.has(around)))
}

/** How many containers stand in each other within a node, itself included. */
function nesting(graph: Graph, id: string, types: Types): number {
  const inner = childrenOf(graph, id).map(node => nesting(graph, node.id, types))
  return Number(isContainer(graph, id, types)) + Math.max(0, ...inner)
}

/** Why a kind of step cannot be added to a container, or nothing if it can. */
export function refusedType(graph: Graph, type: NodeType, container: string | null): string {
  if (container === null) return ''
  if (type.is_trigger) return 'A trigger cannot stand in a loop. Leave it outside.'
  return refusedDepth(graph, container, Number(type.is_container))
}

/** Why nodes cannot stand in a container (`null` is outside of any), or nothing if they can. */
export function refusedIn(graph: Graph, ids: string[], container: string | null, types: Types): string {
  if (container === null) return ''
  if (ids.some(id => isTrigger(graph, id, types)))
    return 'A trigger cannot stand in a loop. Leave it outside.'
  if (withBodies(graph, ids).has(container)) return 'A loop cannot stand in itself.'
  return refusedDepth(graph, container, Math.max(0, ...ids.map(id => nesting(graph, id, types))))
}

function refusedDepth(graph: Graph, container: string, containers: number): string {
  const around = containersAround(graph, container).length + 1
  return containers > 0 && around + containers > MAX_NESTING ? `Loops go ${MAX_NESTING} deep, no deeper.` : ''
}

/** Puts nodes into another container, or outside; lines that would cross its wall go, and are told. */
export function putInto(
  graph: Graph,
  ids: string[],
  container: string | null,
): { graph: Graph; cut: Graph['edges'] } {
  const moved = new Set(ids)
  const next = {
    ...graph,
    nodes: graph.nodes.map(node => (moved.has(node.id) ? withParent(node, container) : node)),
  }
  const crosses = (edge: Graph['edges'][number]) =>
    (moved.has(edge.source) || moved.has(edge.target)) &&
    parentOf(next, edge.source) !== parentOf(next, edge.target)
  return {
    graph: { ...next, edges: graph.edges.filter(edge => !crosses(edge)) },
    cut: graph.edges.filter(crosses),
  }
}

/** The node in a container; outside of any it says nothing about it. */
export function withParent(node: GraphNode, container: string | null): GraphNode {
  const { parent: _, ...rest } = node
  return container === null ? rest : { ...rest, parent: container }
}
