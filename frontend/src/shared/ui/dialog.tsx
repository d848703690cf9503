/** A native dialog: focus stays inside, Escape closes it. */
import { X } from 'lucide-react'
import { type ReactNode, useEffect, useRef } from 'react'

export function Dialog({
  title,
  onClose,
  children,
  wide = false,
}: {
  title: string
  onClose: () => void
  children: ReactNode
  wide?: boolean
}) {
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = ref.current
    if (dialog && !dialog.open) dialog.showModal()
  }, [])
  return (
    <dialog
      ref={ref}
      className={wide ? 'sheet is-wide' : 'sheet'}
      aria-label={title}
      onClose={onClose}
      onMouseDown={event => {
        if (event.target === ref.current) ref.current?.close()
      }}
    >
      <header className="sheet-head">
        <h2>{title}</h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={() => ref.current?.close()}>
          <X aria-hidden />
        </button>
      </header>
      <div className="sheet-body">{children}</div>
    </dialog>
  )
}
