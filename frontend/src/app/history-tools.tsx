/** Undo and redo, for every bar that offers them. */
import { Redo2, Undo2 } from 'lucide-react'
import { ToolButton } from '../shared/ui/tool-button'
import { useGraph } from './store/graph'

export function HistoryTools() {
  const canUndo = useGraph(store => store.past.length > 0)
  const canRedo = useGraph(store => store.future.length > 0)
  const { undo, redo } = useGraph.getState()
  return (
    <>
      <ToolButton label="Undo" hint="Ctrl Z" disabled={!canUndo} onClick={undo}>
        <Undo2 aria-hidden />
      </ToolButton>
      <ToolButton label="Redo" hint="Ctrl Shift Z" disabled={!canRedo} onClick={redo}>
        <Redo2 aria-hidden />
      </ToolButton>
    </>
  )
}
