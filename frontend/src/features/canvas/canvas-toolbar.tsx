/** The floating bar at the bottom: undo, redo, tidy up, zoom, add. */
import { Panel, useReactFlow } from '@xyflow/react'
import { LayoutGrid, List, Maximize, Plus, StickyNote, ZoomIn, ZoomOut } from 'lucide-react'
import { useState } from 'react'
import { HistoryTools } from '../../app/history-tools'
import { useGraph } from '../../app/store/graph'
import { nodeType } from '../../app/store/session'
import { type QuickAdd, useView } from '../../app/store/view'
import { nodeOf, noteKey } from '../../shared/graph/document'
import { addNote, move } from '../../shared/graph/edit'
import { carryNotes, placeAfter } from '../../shared/graph/frames'
import { freeExit, spotInside } from '../../shared/graph/inside'
import { parentOf } from '../../shared/graph/nesting'
import { ToolButton } from '../../shared/ui/tool-button'
import { isEmptyContainer } from '../palette/place'
import { tidyUp } from './layout'
import { glideMs } from './motion'

export function CanvasToolbar() {
  const flow = useReactFlow()
  const readOnly = useGraph(store => store.readOnly)
  const [tidying, setTidying] = useState(false)
  const tidy = async () => {
    setTidying(true)
    try {
      const places = await tidyUp(useGraph.getState().graph)
      useGraph.getState().change(graph => carryNotes(graph, move(graph, places), nodeType))
      requestAnimationFrame(() => void flow.fitView({ maxZoom: 1, padding: 0.15, duration: glideMs() }))
    } finally {
      setTidying(false)
    }
  }
  const middle = () => {
    const box = document.querySelector('.canvas')?.getBoundingClientRect()
    return flow.screenToFlowPosition({
      x: (box?.left ?? 0) + (box?.width ?? 0) / 2 - 124,
      y: (box?.top ?? 0) + (box?.height ?? 0) / 2 - 60,
    })
  }
  const putNote = () => {
    useGraph.getState().change(graph => addNote(graph, middle()))
    const note = useGraph.getState().graph.notes.at(-1)
    if (note) useView.getState().select([noteKey(note.id)])
  }
  return (
    <Panel position="bottom-center">
      <div className="toolbar" role="toolbar" aria-label="Canvas tools">
        {readOnly ? null : (
          <>
            <HistoryTools />
            <ToolButton label="Tidy up" hint="Shift L" disabled={tidying} onClick={() => void tidy()}>
              <LayoutGrid aria-hidden />
            </ToolButton>
            <ToolButton label="Add note" hint="Shift S" onClick={putNote}>
              <StickyNote aria-hidden />
            </ToolButton>
            <span className="toolbar-gap" />
          </>
        )}
        <ToolButton label="Zoom out" onClick={() => void flow.zoomOut()}>
          <ZoomOut aria-hidden />
        </ToolButton>
        <ToolButton label="Zoom in" onClick={() => void flow.zoomIn()}>
          <ZoomIn aria-hidden />
        </ToolButton>
        <ToolButton
          label="Fit to screen"
          hint="1"
          onClick={() => void flow.fitView({ maxZoom: 1, padding: 0.15, duration: glideMs() })}
        >
          <Maximize aria-hidden />
        </ToolButton>
        <ToolButton label="Show as list" onClick={() => useView.getState().set({ showList: true })}>
          <List aria-hidden />
        </ToolButton>
        {readOnly ? null : (
          <button
            type="button"
            className="btn btn-sm btn-primary"
            aria-label="Add step"
            onClick={() => useView.getState().set({ quickAdd: spotBesideSelection() ?? { at: middle() } })}
          >
            <Plus aria-hidden /> Add step <kbd>Ctrl K</kbd>
          </button>
        )}
      </div>
    </Panel>
  )
}

/** Inside a loop, what is added goes on there. */
function spotBesideSelection(): QuickAdd | undefined {
  const { graph } = useGraph.getState()
  const id = useView.getState().selected[0]
  if (!id) return undefined
  if (isEmptyContainer(graph, id)) return spotInside(graph, id, nodeType)
  const parent = nodeOf(graph, id) ? parentOf(graph, id) : null
  if (parent === null) return undefined
  const port = freeExit(graph, id, nodeType)
  return port
    ? { at: placeAfter(graph, id, nodeType), from: { source: id, port } }
    : spotInside(graph, parent, nodeType)
}
