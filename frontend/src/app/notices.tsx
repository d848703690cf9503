/** A sentence about what was just done or refused, at the edge of the canvas; it goes by itself. */
import { Info, X } from 'lucide-react'
import { useEffect } from 'react'
import { useGraph } from './store/graph'
import { useView } from './store/view'

const SHOWN_MS = 8000

export function tellCut(lines: number): void {
  if (!lines) return
  const text =
    lines === 1
      ? 'One line crossed the edge of the loop and was removed.'
      : `${lines} lines crossed the edge of the loop and were removed.`
  useView.getState().set({ notice: { text, canUndo: true } })
}

export function NoticeLine() {
  const notice = useView(store => store.notice)
  const close = () => useView.getState().set({ notice: null })
  useEffect(() => {
    if (!notice) return
    const timer = setTimeout(() => {
      if (useView.getState().notice === notice) useView.getState().set({ notice: null })
    }, SHOWN_MS)
    return () => clearTimeout(timer)
  }, [notice])
  return (
    <div className="notice-line" role="status" aria-live="polite">
      {notice ? (
        <div className="notice-box">
          <Info aria-hidden />
          <span>{notice.text}</span>
          {notice.canUndo ? (
            <button
              type="button"
              className="link-button"
              onClick={() => {
                useGraph.getState().undo()
                close()
              }}
            >
              Undo this
            </button>
          ) : null}
          <button type="button" className="icon-button" aria-label="Close this message" onClick={close}>
            <X aria-hidden />
          </button>
        </div>
      ) : null}
    </div>
  )
}
