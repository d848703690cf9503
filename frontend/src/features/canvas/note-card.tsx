/** A sticky note on the canvas. */
import type { NodeProps } from '@xyflow/react'
import { memo } from 'react'
import { useGraph } from '../../app/store/graph'
import { MAX_NOTE } from '../../shared/graph/document'
import { updateNote } from '../../shared/graph/edit'
import type { StepNode } from './to-flow'

export const NoteCard = memo(function NoteCard({ id, selected }: NodeProps<StepNode>) {
  const noteId = id.slice('note:'.length)
  const note = useGraph(store => store.graph.notes.find(item => item.id === noteId))
  const readOnly = useGraph(store => store.readOnly)
  if (!note) return null
  return (
    <div className="note-card" data-selected={selected || undefined}>
      <textarea
        className="nodrag nowheel"
        aria-label="Note"
        placeholder="Write a note…"
        value={note.text}
        readOnly={readOnly}
        maxLength={MAX_NOTE}
        onChange={event => {
          const { value } = event.target
          useGraph.getState().change(graph => updateNote(graph, noteId, { text: value }), `note:${noteId}`)
        }}
      />
    </div>
  )
})
