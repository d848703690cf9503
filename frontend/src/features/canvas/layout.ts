/** "Tidy up": elk's layered layout in a worker, loaded when it is first asked for. */
import type { ELK, ElkNode } from 'elkjs/lib/elk-api'
import { nodeType } from '../../app/store/session'
import type { Graph, GraphNode, Position } from '../../shared/graph/document'
import { frameSize, innerCorner, PORT_AT, portPlaces, type Size, sizeOf } from '../../shared/graph/frames'
import { childrenOf, parentOf } from '../../shared/graph/nesting'

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.padding': '[top=0,left=0,bottom=0,right=0]',
  'elk.layered.spacing.nodeNodeBetweenLayers': '72',
  'elk.spacing.nodeNode': '48',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
  'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
}

/** A body as it was laid out: places from its corner on, those of nested bodies among them. */
type Laid = { places: Map<string, Position>; size: Size }

/** Absolute places for every node. */
export async function tidyUp(graph: Graph): Promise<Map<string, Position>> {
  const [{ default: Elk }, { default: workerUrl }] = await Promise.all([
    import('elkjs/lib/elk-api'),
    import('elkjs/lib/elk-worker.min.js?url'),
  ])
  const elk = new Elk({ workerUrl })
  try {
    return (await layOut(elk, graph, null)).places
  } finally {
    elk.terminateWorker()
  }
}

/** From the inside out: a body that is laid out makes its frame one card of the level around it. */
async function layOut(elk: ELK, graph: Graph, container: string | null): Promise<Laid> {
  const nodes = childrenOf(graph, container)
  const bodies = new Map<string, Laid>()
  for (const node of nodes)
    if (childrenOf(graph, node.id).length) bodies.set(node.id, await layOut(elk, graph, node.id))
  const cards = nodes.map(node => cardOf(graph, node, bodies.get(node.id)))
  const exits = new Set(cards.flatMap(card => card.ports?.map(port => port.id) ?? []))
  const laid: ElkNode = await elk.layout({
    id: 'level',
    layoutOptions: OPTIONS,
    children: cards,
    edges: graph.edges
      .map((edge, index) => ({
        id: `e${index}`,
        sources: [`${edge.source}:${edge.port}`],
        targets: [`${edge.target}:in`],
      }))
      .filter((edge, index) => {
        const { target } = graph.edges[index]!
        return exits.has(edge.sources[0]!) && parentOf(graph, target) === container
      }),
  })
  const places = new Map<string, Position>()
  for (const card of laid.children ?? []) {
    const at = { x: onGrid(card.x ?? 0), y: onGrid(card.y ?? 0) }
    places.set(card.id, at)
    const corner = innerCorner(at)
    for (const [id, place] of bodies.get(card.id)?.places ?? [])
      places.set(id, { x: corner.x + place.x, y: corner.y + place.y })
  }
  return { places, size: { width: laid.width ?? 0, height: laid.height ?? 0 } }
}

function cardOf(graph: Graph, node: GraphNode, body: Laid | undefined): ElkNode {
  const size = body ? frameSize(graph, node, body.size, nodeType) : sizeOf(graph, node, nodeType)
  return {
    id: node.id,
    ...size,
    layoutOptions: { 'elk.portConstraints': 'FIXED_POS' },
    ports: [
      { id: `${node.id}:in`, x: 0, y: PORT_AT, layoutOptions: { 'elk.port.side': 'WEST' } },
      ...portPlaces(graph, node, size.height, nodeType).map(({ name, y }) => ({
        id: `${node.id}:${name}`,
        x: size.width,
        y,
        layoutOptions: { 'elk.port.side': 'EAST' },
      })),
    ],
  }
}

const onGrid = (value: number): number => Math.round(value / 8) * 8
