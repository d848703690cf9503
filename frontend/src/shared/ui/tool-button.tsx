/** A button with an icon alone, in a bar of tools; its label says what it does, with the key that does the same. */
import type { ReactNode } from 'react'

export function ToolButton({
  label,
  hint,
  disabled,
  onClick,
  children,
}: {
  label: string
  hint?: string
  disabled?: boolean
  onClick: () => void
  children: ReactNode
}) {
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      title={hint ? `${label} (${hint})` : label}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </button>
  )
}
