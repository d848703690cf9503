/** The drawing surface. React Flow is known in this folder only; the domain graph is the truth. */
import '@xyflow/react/dist/style.css'
import {
  applyNodeChanges,
  Background,
  BackgroundVariant,
  type Connection,
  ConnectionMode,
  type EdgeChange,
  type FinalConnectionState,
  MiniMap,
  type NodeChange,
  ReactFlow,
  type ReactFlowInstance,
  ReactFlowProvider,
  useReactFlow,
} from '@xyflow/react'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useGraph } from '../../app/store/graph'
import { stayAt } from '../../app/store/iterations'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { edgeKey, noteOf, type Position } from '../../shared/graph/document'
import { connect, refusedLine, removeChosen, WALL } from '../../shared/graph/edit'
import { containerAt } from '../../shared/graph/frames'
import { parentOf } from '../../shared/graph/nesting'
import { focusSteps } from '../../shared/ui/focus-steps'
import { CanvasToolbar } from './canvas-toolbar'
import { ContainerCard } from './container-card'
import { beginDrag, drop, showTarget, takePlaces } from './drag'
import { useKeepInView } from './keep-in-view'
import { NoteCard, writeIn } from './note-card'
import { StepCard } from './step-card'
import { StepEdge } from './step-edge'
import { type StepNode, toEdges, toNodes } from './to-flow'

const nodeTypes = { step: StepCard, container: ContainerCard, note: NoteCard }
const edgeTypes = { step: StepEdge }
export const DRAG_TYPE = 'application/x-patchbay-step'
const MINIMAP_UP_TO = 300
const VISIBLE_ONLY_FROM = 200

const READABLE_ZOOM = 0.5

/** A graph too wide to be read at once is shown from where it starts. */
function beginAtStart(flow: ReactFlowInstance<StepNode>): void {
  const { nodes } = useGraph.getState().graph
  const first = nodes.find(node => nodeType(node.type)?.is_trigger) ?? nodes[0]
  const height = document.querySelector('.canvas')?.clientHeight ?? 600
  if (first)
    void flow.setViewport({
      zoom: 0.72,
      x: 48 - first.position.x * 0.72,
      y: height / 2 - (first.position.y + 60) * 0.72,
    })
}

type DropStep = (payload: string, at: Position, inside: string | null) => void

const asPoint = (event: MouseEvent | TouchEvent | React.MouseEvent | React.TouchEvent) =>
  'changedTouches' in event ? event.changedTouches[0]! : event

export function Canvas({ onDropStep }: { onDropStep?: DropStep }) {
  return (
    <section className="canvas" aria-label="Canvas" tabIndex={-1}>
      <ReactFlowProvider>
        <Surface onDropStep={onDropStep} />
      </ReactFlowProvider>
    </section>
  )
}

function Surface({ onDropStep }: { onDropStep?: DropStep }) {
  const graph = useGraph(store => store.graph)
  const readOnly = useGraph(store => store.readOnly)
  const selected = useView(store => store.selected)
  const [nodes, setNodes] = useState<StepNode[]>(() => toNodes(graph, [], selected, readOnly))
  const [selectedEdges, setSelectedEdges] = useState<Set<string>>(new Set())
  const { screenToFlowPosition, fitView } = useReactFlow<StepNode>()
  const count = useRef(graph.nodes.length)

  useKeepInView()
  useEffect(() => {
    setNodes(old => toNodes(graph, old, selected, readOnly))
  }, [graph, selected, readOnly])
  useEffect(() => {
    if (count.current === 0 && graph.nodes.length > 1)
      requestAnimationFrame(() => void fitView({ maxZoom: 1, padding: 0.15 }))
    count.current = graph.nodes.length
  }, [graph.nodes.length, fitView])
  const edges = useMemo(() => toEdges(graph, selectedEdges), [graph, selectedEdges])

  const onNodesChange = useCallback((changes: NodeChange<StepNode>[]) => {
    const kept = changes.filter(change => change.type !== 'remove' && change.type !== 'select')
    setNodes(old => applyNodeChanges(kept, old))
    const places = new Map<string, Position>()
    for (const change of changes)
      if (change.type === 'position' && change.dragging === false && change.position)
        places.set(change.id, change.position)
    if (places.size) takePlaces(places)
    const chosen = changes.filter(item => item.type === 'select')
    if (chosen.length) {
      const next = new Set(useView.getState().selected)
      for (const item of chosen) item.selected ? next.add(item.id) : next.delete(item.id)
      useView.getState().select([...next])
      for (const item of chosen) if (item.selected) stayAt(item.id)
    }
  }, [])

  const onEdgesChange = useCallback((changes: EdgeChange[]) => {
    const chosen = changes.filter(change => change.type === 'select')
    if (chosen.length)
      setSelectedEdges(old => {
        const next = new Set(old)
        for (const item of chosen) item.selected ? next.add(item.id) : next.delete(item.id)
        return next
      })
  }, [])

  const asEdge = (
    connection: Connection | { source: string | null; sourceHandle?: string | null; target: string | null },
  ) => ({
    source: connection.source ?? '',
    port: connection.sourceHandle ?? 'out',
    target: connection.target ?? '',
  })

  const onConnectEnd = useCallback(
    (event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
      if (readOnly || state.isValid || state.fromHandle?.type !== 'source') return
      if (state.toNode && state.toHandle) {
        const line = {
          source: state.fromNode!.id,
          port: state.fromHandle.id ?? 'out',
          target: state.toNode.id,
        }
        const refused = refusedLine(useGraph.getState().graph, line, nodeType)
        if (refused) useView.getState().set({ notice: { text: refused } })
        return
      }
      const point = asPoint(event)
      const from = state.from
      const at = screenToFlowPosition({ x: point.clientX, y: point.clientY })
      if (from && Math.hypot(at.x - from.x, at.y - from.y) < 24) return
      const { graph: now } = useGraph.getState()
      if (containerAt(now, at, nodeType) !== parentOf(now, state.fromNode!.id)) {
        useView.getState().set({ notice: { text: WALL } })
        return
      }
      useView.getState().set({
        quickAdd: {
          at: { x: at.x, y: at.y - 30 },
          from: { source: state.fromNode!.id, port: state.fromHandle.id ?? 'out' },
        },
      })
    },
    [readOnly, screenToFlowPosition],
  )

  const pointOf = (event: { clientX: number; clientY: number }) =>
    screenToFlowPosition({ x: event.clientX, y: event.clientY }, { snapToGrid: false })

  return (
    <ReactFlow
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
      edgeTypes={edgeTypes}
      onNodesChange={onNodesChange}
      onEdgesChange={onEdgesChange}
      onConnect={connection => useGraph.getState().change(current => connect(current, asEdge(connection)))}
      onConnectEnd={onConnectEnd}
      isValidConnection={connection =>
        refusedLine(useGraph.getState().graph, asEdge(connection), nodeType) === ''
      }
      onDelete={({ nodes: goneNodes, edges: goneEdges }) => {
        // The card that had the focus goes; whoever works by keys stays where the steps are.
        focusSteps()
        const keys = new Set(goneEdges.map(edge => edge.id))
        const ids = goneNodes.map(node => node.id)
        useGraph.getState().change(current =>
          removeChosen(
            current,
            ids,
            current.edges.filter(edge => keys.has(edgeKey(edge))),
          ),
        )
        useView.getState().select([])
        setSelectedEdges(new Set())
      }}
      onNodeDragStart={beginDrag}
      onNodeDrag={(event, _, dragged) =>
        showTarget(
          dragged.map(node => node.id),
          pointOf(asPoint(event)),
        )
      }
      onNodeDragStop={(event, _, dragged) =>
        drop(
          dragged.map(node => node.id),
          pointOf(asPoint(event)),
        )
      }
      // The first click selects a note like a step; the next one writes in it.
      onNodeClick={(event, node) => {
        if (noteOf(node.id) !== null && node.selected) writeIn(event.currentTarget)
      }}
      onNodeDoubleClick={(event, node) => {
        if (noteOf(node.id) !== null) writeIn(event.currentTarget)
        else useView.getState().set({ tab: 'settings' })
      }}
      onDragOver={event => {
        if (event.dataTransfer.types.includes(DRAG_TYPE)) {
          event.preventDefault()
          event.dataTransfer.dropEffect = 'copy'
          const inside = containerAt(useGraph.getState().graph, pointOf(event), nodeType)
          if (useView.getState().dropTarget !== inside) useView.getState().set({ dropTarget: inside })
        }
      }}
      onDragLeave={() => useView.getState().set({ dropTarget: null })}
      onDrop={event => {
        const payload = event.dataTransfer.getData(DRAG_TYPE)
        if (!payload) return
        event.preventDefault()
        const at = pointOf(event)
        useView.getState().set({ dropTarget: null })
        onDropStep?.(
          payload,
          { x: at.x - 124, y: at.y - 31 },
          containerAt(useGraph.getState().graph, at, nodeType),
        )
      }}
      nodesConnectable={!readOnly}
      nodesDraggable={!readOnly}
      edgesFocusable={false}
      deleteKeyCode={readOnly ? null : ['Delete', 'Backspace']}
      multiSelectionKeyCode={['Meta', 'Control', 'Shift']}
      connectionMode={ConnectionMode.Strict}
      connectionRadius={32}
      connectionDragThreshold={6}
      selectNodesOnDrag={false}
      zIndexMode="manual"
      snapToGrid
      snapGrid={[8, 8]}
      minZoom={0.1}
      maxZoom={2}
      onInit={flow => {
        void flow.fitView({ maxZoom: 1, padding: 0.15 }).then(() => {
          if (flow.getZoom() < READABLE_ZOOM) beginAtStart(flow)
        })
      }}
      onlyRenderVisibleElements={graph.nodes.length > VISIBLE_ONLY_FROM}
      proOptions={{ hideAttribution: true }}
    >
      <Background variant={BackgroundVariant.Dots} gap={24} size={1.6} />
      {graph.nodes.length > 3 && graph.nodes.length < MINIMAP_UP_TO ? (
        <MiniMap
          pannable
          zoomable
          className="minimap"
          nodeClassName={node => (node.type === 'step' ? '' : `is-${node.type}`)}
        />
      ) : null}
      <CanvasToolbar />
    </ReactFlow>
  )
}
