/** The draft being edited: the graph, its history, and how it is saved. */
import { create } from 'zustand'
import { ApiError } from '../../api/client'
import { readWorkflow, saveDraft } from '../../api/requests'
import type { Problem } from '../../api/types'
import { EMPTY_GRAPH, type Graph } from '../../shared/graph/document'
import { refusedProblem } from '../../shared/graph/malformed'

const HISTORY = 200
const SAVE_AFTER_MS = 800
const SAVE_AGAIN_AFTER_MS = 4000
const MERGE_WITHIN_MS = 800

export type SaveState = 'saved' | 'unsaved' | 'saving' | 'offline' | 'stale' | 'failed'

type GraphStore = {
  workflow: string
  graph: Graph
  past: Graph[]
  future: Graph[]
  revision: number
  saveState: SaveState
  saveError: string
  /** Why the draft cannot be saved as it is; null while it can, or nobody knows. */
  refused: Problem | null
  readOnly: boolean
  /** Whether the last save found that the session has ended; the draft is kept and saved after the next sign-in. */
  isSignedOut: boolean
  open: (workflow: string, graph: Graph, revision: number, readOnly: boolean) => void
  change: (edit: (graph: Graph) => Graph, merge?: string) => void
  undo: () => void
  redo: () => void
  save: () => Promise<boolean>
  /** The graph as the server has it now; throws ApiError with the reason where it could not be saved. */
  saveAll: () => Promise<Graph>
  reloadTheirs: () => Promise<void>
  overwrite: () => Promise<void>
}

let timer: ReturnType<typeof setTimeout> | undefined
let lastMerge = { key: '', at: 0 }
let saving: Promise<boolean> | null = null

export const useGraph = create<GraphStore>((set, get) => {
  const schedule = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => void get().save(), SAVE_AFTER_MS)
  }
  const replace = (graph: Graph, more: Partial<GraphStore>): void => {
    const stale = get().saveState === 'stale'
    set({ graph, ...more, saveState: stale ? 'stale' : 'unsaved' })
    if (!stale) schedule()
  }
  const write = async (): Promise<boolean> => {
    const { workflow, graph, revision } = get()
    set({ saveState: 'saving' })
    try {
      const answer = await saveDraft(workflow, graph, revision)
      const unchanged = get().graph === graph
      set({
        revision: answer.revision,
        saveState: unchanged ? 'saved' : 'unsaved',
        saveError: '',
        refused: null,
        isSignedOut: false,
      })
      if (!unchanged) schedule()
      return unchanged
    } catch (error) {
      const known = error instanceof ApiError ? error : new ApiError(0, 'offline', String(error))
      const isSignedOut = known.status === 401
      const state =
        known.code === 'stale_revision'
          ? 'stale'
          : isSignedOut || known.status === 0 || known.status >= 500
            ? 'offline'
            : 'failed'
      set({
        saveState: state,
        saveError: isSignedOut ? 'Your session has ended. Sign in again.' : known.message,
        isSignedOut,
        refused:
          state === 'failed'
            ? refusedProblem(graph, known.code, known.message, String(known.details.path ?? ''))
            : null,
      })
      if (state === 'offline') timer = setTimeout(() => void get().save(), SAVE_AGAIN_AFTER_MS)
      return false
    }
  }
  return {
    workflow: '',
    graph: EMPTY_GRAPH,
    past: [],
    future: [],
    revision: 0,
    saveState: 'saved',
    saveError: '',
    refused: null,
    readOnly: false,
    isSignedOut: false,
    open: (workflow, graph, revision, readOnly) =>
      set({
        workflow,
        graph,
        revision,
        readOnly,
        past: [],
        future: [],
        saveState: 'saved',
        saveError: '',
        refused: null,
      }),
    change: (edit, merge = '') => {
      const { graph, past, readOnly } = get()
      if (readOnly) return
      const next = edit(graph)
      if (next === graph) return
      const merges = merge !== '' && merge === lastMerge.key && Date.now() - lastMerge.at < MERGE_WITHIN_MS
      lastMerge = { key: merge, at: Date.now() }
      replace(next, { past: merges ? past : [...past.slice(-HISTORY + 1), graph], future: [] })
    },
    undo: () => {
      const { past, graph, future } = get()
      const previous = past.at(-1)
      if (!previous) return
      lastMerge = { key: '', at: 0 }
      replace(previous, { past: past.slice(0, -1), future: [graph, ...future] })
    },
    redo: () => {
      const { past, graph, future } = get()
      const next = future[0]
      if (!next) return
      lastMerge = { key: '', at: 0 }
      replace(next, { past: [...past, graph], future: future.slice(1) })
    },
    save: async () => {
      clearTimeout(timer)
      if (saving) await saving
      const { saveState, readOnly } = get()
      if (readOnly || saveState === 'saved') return true
      saving = write().finally(() => {
        saving = null
      })
      return saving
    },
    saveAll: async () => {
      await get().save()
      // What is changed while a save is under way goes with the next one.
      while (get().saveState === 'unsaved') await get().save()
      const { saveState, saveError, graph } = get()
      if (saveState !== 'saved')
        throw new ApiError(0, 'not_saved', `The draft could not be saved: ${saveError}`)
      return graph
    },
    reloadTheirs: async () => {
      const theirs = await readWorkflow(get().workflow)
      const { graph, past } = get()
      set({
        graph: theirs.graph,
        revision: theirs.revision,
        past: [...past, graph],
        future: [],
        saveState: 'saved',
        saveError: '',
        refused: null,
      })
    },
    overwrite: async () => {
      const theirs = await readWorkflow(get().workflow)
      set({ revision: theirs.revision, saveState: 'unsaved' })
      await get().save()
    },
  }
})
