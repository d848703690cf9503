/** A native dialog: focus stays inside, Escape closes it, unless it has to be answered. */
import { X } from 'lucide-react'
import { type ReactNode, useEffect, useRef, useState } from 'react'

export function Dialog({
  title,
  onClose,
  children,
  wide = false,
}: {
  title: string
  /** Without it the dialog stays until it is answered. */
  onClose?: () => void
  children: ReactNode
  wide?: boolean
}) {
  const ref = useRef<HTMLDialogElement>(null)
  const [before] = useState(() => document.activeElement)
  useEffect(() => {
    const dialog = ref.current
    if (dialog && !dialog.open) dialog.showModal()
    return () => {
      // A dialog that is taken away while it is open does not give back the focus by itself.
      if (document.activeElement === document.body && before instanceof HTMLElement) before.focus()
    }
  }, [before])
  return (
    <dialog
      ref={ref}
      className={wide ? 'sheet is-wide' : 'sheet'}
      aria-label={title}
      onCancel={event => !onClose && event.preventDefault()}
      // Browsers close a dialog at the second Escape in a row, whatever became of the first.
      onClose={onClose ?? (() => ref.current?.showModal())}
      onMouseDown={event => {
        if (onClose && event.target === ref.current) ref.current?.close()
      }}
    >
      <header className="sheet-head">
        <h2>{title}</h2>
        {onClose ? (
          <button
            type="button"
            className="icon-button"
            aria-label="Close"
            onClick={() => ref.current?.close()}
          >
            <X aria-hidden />
          </button>
        ) : null}
      </header>
      <div className="sheet-body">{children}</div>
    </dialog>
  )
}
