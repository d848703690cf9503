/** What is selected and open; never saved, never undone. */
import { create } from 'zustand'
import type { Checked, Described, Problem } from '../../api/types'
import { type Edge, type Graph, nodeOf, noteKey, type Position } from '../../shared/graph/document'
import { useGraph } from './graph'

export type QuickAdd = {
  at: Position
  from?: { source: string; port: string }
  onEdge?: Edge
  /** The container that takes it, where no line says so. */
  inside?: string | null
}
export type Notice = { text: string; canUndo?: boolean }
export type InspectorTab = 'settings' | 'result' | 'failure'

type ViewStore = {
  selected: string[]
  tab: InspectorTab
  focusField: string | null
  quickAdd: QuickAdd | null
  dialog: 'run' | 'shortcuts' | 'published' | 'connect' | 'move' | 'settings' | null
  notice: Notice | null
  /** The container that would take what is being dragged. */
  dropTarget: string | null
  showList: boolean
  showProblems: boolean
  problems: Problem[]
  described: Record<string, Described>
  checking: boolean
  select: (ids: string[], tab?: InspectorTab) => void
  openField: (node: string, field: string | null) => void
  set: (change: Partial<ViewStore>) => void
  takeCheck: (checked: Checked) => void
}

export const useView = create<ViewStore>(set => ({
  selected: [],
  tab: 'settings',
  focusField: null,
  quickAdd: null,
  dialog: null,
  notice: null,
  dropTarget: null,
  showList: false,
  showProblems: false,
  problems: [],
  described: {},
  checking: false,
  select: (selected, tab) => set(tab ? { selected, tab } : { selected }),
  openField: (node, focusField) => set({ selected: [node], tab: 'settings', focusField }),
  set: change => set(change),
  takeCheck: checked => set({ problems: checked.problems, described: checked.nodes, checking: false }),
}))

const isThere = (graph: Graph, id: string): boolean =>
  nodeOf(graph, id) !== undefined || graph.notes.some(note => noteKey(note.id) === id)

// However a step goes, by a cut, an undo or the draft of somebody else, nothing that is gone stays selected.
useGraph.subscribe(({ graph }, before) => {
  if (graph === before.graph) return
  const { selected } = useView.getState()
  const left = selected.filter(id => isThere(graph, id))
  if (left.length < selected.length) useView.setState({ selected: left })
})
