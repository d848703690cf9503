/** Keys of the editor, and the sheet that lists them. */
import { useEffect } from 'react'
import { copy, paste, readClipboard, remove } from '../shared/graph/edit'
import { Dialog } from '../shared/ui/dialog'
import { useGraph } from './store/graph'
import { useView } from './store/view'

const SHEET: [string, string][] = [
  ['Ctrl K', 'Add a step'],
  ['A', 'Add a step after the selected one'],
  ['C', 'Connect the selected step'],
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
      if (mod && key === 'k')
        view.set({ quickAdd: { at: placeFor(view.selected[0]), from: freeExit(view.selected[0]) } })
      else if (mod && key === 'enter') view.set({ dialog: 'run' })
      else if (isTyping(event.target)) return
      else if (mod && key === 'z') event.shiftKey ? graph.redo() : graph.undo()
      else if (mod && key === 'y') graph.redo()
      else if (mod && key === 'd') pasteInto(JSON.stringify(copy(graph.graph, view.selected)))
      else if (mod) return
      else if (key === 'a' && view.selected[0])
        view.set({ quickAdd: { at: placeFor(view.selected[0]), from: freeExit(view.selected[0]) } })
      else if (key === 'c' && view.selected[0]) view.set({ dialog: 'connect' })
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
      if (event.type === 'cut') useGraph.getState().change(graph => remove(graph, selected, []))
      event.preventDefault()
    }
    const onPaste = (event: ClipboardEvent) => {
      if (!isTyping(event.target) && pasteInto(event.clipboardData?.getData('text/plain') ?? ''))
        event.preventDefault()
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

function pasteInto(text: string): boolean {
  const clip = readClipboard(text)
  if (!clip?.nodes.length) return false
  const { graph, change } = useGraph.getState()
  const pasted = paste(graph, clip)
  change(() => pasted.graph)
  useView.getState().select(pasted.ids)
  return true
}

function placeFor(id: string | undefined) {
  const { nodes } = useGraph.getState().graph
  const node = nodes.find(item => item.id === id) ?? nodes.at(-1)
  return node ? { x: node.position.x + 312, y: node.position.y } : { x: 0, y: 0 }
}

function freeExit(id: string | undefined) {
  if (!id) return undefined
  const handles = [
    ...document.querySelectorAll<HTMLElement>(`.react-flow__node[data-id="${id}"] [data-port]`),
  ]
  const { edges } = useGraph.getState().graph
  const ports = handles.map(handle => handle.dataset.port ?? '').filter(port => port !== 'error')
  const port = ports.find(name => !edges.some(edge => edge.source === id && edge.port === name)) ?? ports[0]
  return port ? { source: id, port } : undefined
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
