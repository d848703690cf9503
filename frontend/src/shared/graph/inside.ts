/** Where a step goes that is added to a container: after the last one in it, else into its first place. */
import { type Graph, nodeMap, type Position } from './document'
import { runOrder } from './edit'
import { boxesOf, innerCorner, makeRoom, moveBy, placeAfter, shiftInto } from './frames'
import { parentOf, putInto, refusedIn, type Types } from './nesting'
import { portsOf } from './ports'

export type Spot = { at: Position; inside: string; from?: { source: string; port: string } }

/** The first exit that leads nowhere, failures left aside. */
export function freeExit(graph: Graph, id: string, types: Types): string | undefined {
  const node = nodeMap(graph).get(id)
  if (!node) return undefined
  return portsOf(node, types(node.type), graph).find(
    port =>
      port.kind !== 'error' &&
      port.takable &&
      !graph.edges.some(edge => edge.source === id && edge.port === port.name),
  )?.name
}

export function spotInside(graph: Graph, container: string, types: Types): Spot {
  const order = runOrder(graph, container, types)
  const last = order.findLast(id => freeExit(graph, id, types) !== undefined)
  if (last)
    return {
      at: placeAfter(graph, last, types),
      inside: container,
      from: { source: last, port: freeExit(graph, last, types)! },
    }
  const frame = boxesOf(graph, types).get(container)!
  return { at: innerCorner(frame), inside: container }
}

/** Moves nodes into a container, or outside, to a free place there; tells the lines that this cuts. */
export function carryInto(graph: Graph, ids: string[], into: string | null, types: Types) {
  const shift = shiftInto(graph, ids, into, types)
  const { graph: given, cut } = putInto(moveBy(graph, new Map(ids.map(id => [id, shift]))), ids, into)
  return { graph: makeRoom(graph, given, into, types), cut }
}

/** The places that nodes could be moved to: containers, and `null` for outside of any. */
export function placesFor(graph: Graph, ids: string[], types: Types): (string | null)[] {
  const own = new Set(ids.map(id => parentOf(graph, id)))
  const containers = graph.nodes.filter(node => types(node.type)?.is_container).map(node => node.id)
  return [null, ...containers].filter(place => !own.has(place) && !refusedIn(graph, ids, place, types))
}
