/** Keys of the editor, and the sheet that lists them. */
import { useEffect } from 'react'
import { type Clipboard, copy, paste, readClipboard } from '../shared/graph/clipboard'
import { type Graph, nodeOf } from '../shared/graph/document'
import { removeChosen } from '../shared/graph/edit'
import { placeAfter } from '../shared/graph/frames'
import { freeExit, spotInside } from '../shared/graph/inside'
import { isContainer, outermost, parentOf, refusedIn } from '../shared/graph/nesting'
import { portsOf } from '../shared/graph/ports'
import { Dialog } from '../shared/ui/dialog'
import { useGraph } from './store/graph'
import { may, nodeType } from './store/session'
import { type QuickAdd, useView } from './store/view'

const SHEET: [string, string][] = [
  ['Ctrl K', 'Add a step'],
  ['A', 'Add a step after the selected one'],
  ['I', 'Add a step inside the selected loop'],
  ['C', 'Connect the selected step'],
  ['M', 'Move the selected steps into a loop or out of it'],
  ['Arrows', 'Move the selected step'],
  ['Ctrl C · X · V', 'Copy, cut, paste'],
  ['Ctrl D', 'Duplicate'],
  ['Delete', 'Delete'],
  ['Ctrl Z · Ctrl Shift Z', 'Undo, redo'],
  ['Ctrl Enter', 'Run'],
  ['Shift L', 'Tidy up'],
  ['L', 'Show as list'],
  ['Escape', 'Close, or select nothing'],
  ['?', 'This list'],
]

// Keys that open something to edit with: they do nothing for those who may only read.
const EDITS = ['a', 'i', 'm', 'c']
const EDITS_WITH_CTRL = ['k', 'd']

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))

export function useShortcuts(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const view = useView.getState()
      const graph = useGraph.getState()
      const mod = event.ctrlKey || event.metaKey
      const key = event.key.toLowerCase()
      if (document.querySelector('dialog[open]')) return
      if (graph.readOnly && (mod ? EDITS_WITH_CTRL : EDITS).includes(key)) return
      if (mod && key === 'k') view.set({ quickAdd: spotAfter(view.selected[0]) })
      else if (mod && key === 'enter') {
        if (!may('run')) return
        view.set({ dialog: 'run' })
      } else if (isTyping(event.target)) return
      else if (mod && key === 'z') event.shiftKey ? graph.redo() : graph.undo()
      else if (mod && key === 'y') graph.redo()
      else if (mod && key === 'd') duplicate()
      else if (mod) return
      else if (key === 'a' && view.selected[0]) view.set({ quickAdd: spotAfter(view.selected[0]) })
      else if (key === 'i' && isLoop(view.selected[0]))
        view.set({ quickAdd: spotInside(graph.graph, view.selected[0]!, nodeType) })
      else if (key === 'm' && view.selected.some(id => nodeOf(graph.graph, id))) view.set({ dialog: 'move' })
      else if (key === 'c' && nodeOf(graph.graph, view.selected[0] ?? null)) view.set({ dialog: 'connect' })
      else if (key === 'l' && event.shiftKey)
        document.querySelector<HTMLElement>('[aria-label="Tidy up"]')?.click()
      else if (key === 's' && event.shiftKey)
        document.querySelector<HTMLElement>('[aria-label="Add note"]')?.click()
      else if (key === 'l') view.set({ showList: !view.showList })
      else if (key === '1') document.querySelector<HTMLElement>('[aria-label="Fit to screen"]')?.click()
      else if (event.key === '?') view.set({ dialog: 'shortcuts' })
      else if (event.key === 'Escape') view.select([])
      else return
      event.preventDefault()
    }
    const onCopy = (event: ClipboardEvent) => {
      const { selected } = useView.getState()
      if (isTyping(event.target) || !selected.length || window.getSelection()?.toString()) return
      event.clipboardData?.setData(
        'text/plain',
        JSON.stringify(copy(useGraph.getState().graph, selected), null, 1),
      )
      if (event.type === 'cut') useGraph.getState().change(graph => removeChosen(graph, selected))
      event.preventDefault()
    }
    const onPaste = (event: ClipboardEvent) => {
      if (useGraph.getState().readOnly || isTyping(event.target)) return
      if (pasteText(event.clipboardData?.getData('text/plain') ?? '')) event.preventDefault()
    }
    document.addEventListener('keydown', onKey)
    document.addEventListener('copy', onCopy)
    document.addEventListener('cut', onCopy)
    document.addEventListener('paste', onPaste)
    return () => {
      document.removeEventListener('keydown', onKey)
      document.removeEventListener('copy', onCopy)
      document.removeEventListener('cut', onCopy)
      document.removeEventListener('paste', onPaste)
    }
  }, [])
}

function duplicate(): void {
  const { graph } = useGraph.getState()
  const clip = copy(graph, useView.getState().selected)
  const first = outermost(
    graph,
    clip.nodes.map(node => node.id),
  )[0]
  if (first) putIn(clip, parentOf(graph, first))
  else if (clip.notes.length) putIn(clip, null)
}

function pasteText(text: string): boolean {
  const clip = readClipboard(text)
  if (!clip?.nodes.length && !clip?.notes.length) return false
  putIn(clip, placeOf(clip))
  return true
}

/** What is selected says where: into a loop, beside a step, and outside where nothing is. */
function placeOf(clip: Clipboard): string | null {
  const { graph } = useGraph.getState()
  const id = useView.getState().selected[0]
  if (!id || !nodeOf(graph, id)) return null
  const isCopied = clip.nodes.some(node => node.id === id)
  return isLoop(id) && !isCopied ? id : parentOf(graph, id)
}

function putIn(clip: Clipboard, into: string | null): void {
  const { graph, change } = useGraph.getState()
  const pasted = paste(graph, clip, into, nodeType)
  const refused = refusedIn(pasted.graph, pasted.ids, into, nodeType)
  if (refused) {
    useView.getState().set({ notice: { text: refused } })
    return
  }
  change(() => pasted.graph)
  useView.getState().select(pasted.ids)
}

const isLoop = (id: string | undefined): boolean =>
  id !== undefined && isContainer(useGraph.getState().graph, id, nodeType)

/** After a step and its free exit, or its first one; else after the last step of all. */
function spotAfter(id: string | undefined): QuickAdd {
  const { graph } = useGraph.getState()
  const node = nodeOf(graph, id ?? null)
  if (!node) return { at: placeAfter(graph, graph.nodes.at(-1)?.id ?? '', nodeType) }
  const port = freeExit(graph, node.id, nodeType) ?? firstExit(graph, node.id)
  const at = placeAfter(graph, node.id, nodeType)
  return port ? { at, from: { source: node.id, port } } : { at, inside: parentOf(graph, node.id) }
}

function firstExit(graph: Graph, id: string): string | undefined {
  const node = nodeOf(graph, id)
  return node && portsOf(node, nodeType(node.type), graph).find(port => port.kind !== 'error')?.name
}

export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl className="kv">
        {SHEET.map(([keys, words]) => (
          <div key={keys} className="contents">
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
