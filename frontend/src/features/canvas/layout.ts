/** "Tidy up": elk's layered layout in a worker, loaded when it is first asked for. */
import type { ElkNode } from 'elkjs/lib/elk-api'
import { nodeType } from '../../app/store/session'
import type { Graph, GraphNode, Position } from '../../shared/graph/document'
import { boxesOf, PADDING, portsHeight } from '../../shared/graph/frames'
import { childrenOf, parentOf } from '../../shared/graph/nesting'
import { portsOf } from '../../shared/graph/ports'

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.layered.spacing.nodeNodeBetweenLayers': '72',
  'elk.spacing.nodeNode': '48',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
  'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
}
const PORT_AT = 31

/** Absolute places for every node; each body is laid out in its frame, which then counts as one card outside. */
export async function tidyUp(graph: Graph): Promise<Map<string, Position>> {
  const [{ default: Elk }, { default: workerUrl }] = await Promise.all([
    import('elkjs/lib/elk-api'),
    import('elkjs/lib/elk-worker.min.js?url'),
  ])
  const elk = new Elk({ workerUrl })
  try {
    const laid = await elk.layout(level(graph, null, { id: ':graph', layoutOptions: OPTIONS }))
    return new Map(places(laid, { x: 0, y: 0 }))
  } finally {
    elk.terminateWorker()
  }
}

function level(graph: Graph, container: string | null, around: ElkNode): ElkNode {
  const exits = new Map(
    childrenOf(graph, container).map(node => [
      node.id,
      portsOf(node, nodeType(node.type), graph).map(port => port.name),
    ]),
  )
  return {
    ...around,
    children: childrenOf(graph, container).map(node => card(graph, node, exits.get(node.id) ?? [])),
    edges: graph.edges
      .filter(
        edge => exits.get(edge.source)?.includes(edge.port) && parentOf(graph, edge.target) === container,
      )
      .map((edge, index) => ({
        id: `${around.id}:${index}`,
        sources: [`${edge.source}:${edge.port}`],
        targets: [`${edge.target}:in`],
      })),
  }
}

function card(graph: Graph, node: GraphNode, exits: string[]): ElkNode {
  const { width, height } = boxesOf(graph, nodeType).get(node.id)!
  const isContainer = nodeType(node.type)?.is_container
  const made: ElkNode = {
    id: node.id,
    width,
    height,
    layoutOptions: { 'elk.portConstraints': isContainer ? 'FIXED_POS' : 'FIXED_ORDER' },
    ports: [
      { id: `${node.id}:in`, x: 0, y: PORT_AT, layoutOptions: { 'elk.port.side': 'WEST' } },
      ...exits.map((port, index) => ({
        id: `${node.id}:${port}`,
        x: width,
        y: port === 'out' ? PORT_AT : height - 8 - index,
        layoutOptions: { 'elk.port.side': 'EAST', 'elk.port.index': String(index) },
      })),
    ],
  }
  if (!isContainer || !childrenOf(graph, node.id).length) return made
  const { top, left, bottom, right } = PADDING
  const below = bottom + portsHeight(graph, node, nodeType)
  const options = {
    ...OPTIONS,
    'elk.portConstraints': 'FIXED_ORDER',
    'elk.padding': `[top=${top},left=${left},bottom=${below},right=${right}]`,
    'elk.nodeSize.constraints': 'MINIMUM_SIZE',
    'elk.nodeSize.minimum': '(360, 0)',
  }
  const { width: _width, height: _height, ...sized } = made
  return level(graph, node.id, { ...sized, layoutOptions: options })
}

const onGrid = (value: number): number => Math.round(value / 8) * 8

function* places(laid: ElkNode, from: Position): Generator<[string, Position]> {
  for (const child of laid.children ?? []) {
    const at = { x: from.x + (child.x ?? 0), y: from.y + (child.y ?? 0) }
    yield [child.id, { x: onGrid(at.x), y: onGrid(at.y) }]
    yield* places(child, at)
  }
}
