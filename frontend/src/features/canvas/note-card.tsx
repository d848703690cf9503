/** A sticky note on the canvas. */
import type { NodeProps } from '@xyflow/react'
import { memo } from 'react'
import { useGraph } from '../../app/store/graph'
import { MAX_NOTE, noteOf } from '../../shared/graph/document'
import { updateNote } from '../../shared/graph/edit'
import type { StepNode } from './to-flow'

/** Begin to write in the note that an element of the canvas holds. */
export const writeIn = (element: Element): void => element.querySelector('textarea')?.focus()

export const NoteCard = memo(function NoteCard({ id, selected }: NodeProps<StepNode>) {
  const noteId = noteOf(id)!
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
        onKeyDown={event => {
          if (event.key === 'Escape') event.currentTarget.closest<HTMLElement>('.react-flow__node')?.focus()
        }}
        onChange={event => {
          const { value } = event.target
          useGraph.getState().change(graph => updateNote(graph, noteId, { text: value }), id)
        }}
      />
    </div>
  )
})
