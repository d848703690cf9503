/** "Tidy up": elk's layered layout in a worker, loaded when it is first asked for. */
import type { Graph, Position } from '../../shared/graph/document'
import { CARD_WIDTH } from '../../shared/graph/edit'

type Sizes = Map<string, { height: number; ports: string[] }>

export async function tidyUp(graph: Graph, sizes: Sizes): Promise<Map<string, Position>> {
  const [{ default: Elk }, { default: workerUrl }] = await Promise.all([
    import('elkjs/lib/elk-api'),
    import('elkjs/lib/elk-worker.min.js?url'),
  ])
  const elk = new Elk({ workerUrl })
  try {
    const laid = await elk.layout({
      id: 'graph',
      layoutOptions: {
        'elk.algorithm': 'layered',
        'elk.direction': 'RIGHT',
        'elk.layered.spacing.nodeNodeBetweenLayers': '72',
        'elk.spacing.nodeNode': '48',
        'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
        'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
      },
      children: graph.nodes.map(node => {
        const size = sizes.get(node.id) ?? { height: 100, ports: [] }
        return {
          id: node.id,
          width: CARD_WIDTH,
          height: size.height,
          layoutOptions: { 'elk.portConstraints': 'FIXED_ORDER' },
          ports: [
            { id: `${node.id}:in`, layoutOptions: { 'elk.port.side': 'WEST' } },
            ...size.ports.map((port, index) => ({
              id: `${node.id}:${port}`,
              layoutOptions: { 'elk.port.side': 'EAST', 'elk.port.index': String(index) },
            })),
          ],
        }
      }),
      edges: graph.edges
        .filter(edge => sizes.get(edge.source)?.ports.includes(edge.port) && sizes.has(edge.target))
        .map((edge, index) => ({
          id: `e${index}`,
          sources: [`${edge.source}:${edge.port}`],
          targets: [`${edge.target}:in`],
        })),
    })
    return new Map(
      (laid.children ?? []).map(child => [
        child.id,
        { x: Math.round((child.x ?? 0) / 8) * 8, y: Math.round((child.y ?? 0) / 8) * 8 },
      ]),
    )
  } finally {
    elk.terminateWorker()
  }
}
