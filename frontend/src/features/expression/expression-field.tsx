/** A field that takes text with data in it: the editor, the button that opens the picker, and the picker. */
import { Database } from 'lucide-react'
import { lazy, Suspense, useRef, useState } from 'react'
import { DataPicker } from './data-picker'
import { useDataPaths } from './use-data-paths'

const PillEditor = lazy(() => import('./pill-editor'))

export function ExpressionField({
  id,
  label,
  node,
  value,
  multiline = false,
  placeholder,
  readOnly,
  invalid,
  whole = false,
  onChange,
}: {
  id: string
  label: string
  node: string
  value: string
  multiline?: boolean
  placeholder?: string
  readOnly?: boolean
  invalid?: boolean
  whole?: boolean
  onChange: (value: string) => void
}) {
  const insert = useRef<((text: string) => void) | null>(null)
  const [open, setOpen] = useState(false)
  const { flat } = useDataPaths(node)
  return (
    <div className="expression-field">
      <Suspense fallback={<div className={`pill-editor ${multiline ? 'is-long' : ''}`} />}>
        <PillEditor
          id={id}
          label={label}
          value={value}
          multiline={multiline}
          placeholder={placeholder}
          readOnly={readOnly}
          invalid={invalid}
          paths={() => flat}
          onChange={onChange}
          onReady={ready => {
            insert.current = ready
          }}
        />
      </Suspense>
      {readOnly ? null : (
        <button
          type="button"
          className="icon-button insert-data"
          aria-label={`Insert data into ${label}`}
          title="Insert data from earlier steps"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          <Database aria-hidden />
        </button>
      )}
      {open ? (
        <DataPicker
          node={node}
          onClose={() => setOpen(false)}
          onPick={path => {
            const text = `{{ ${path} }}`
            if (whole) onChange(text)
            else insert.current?.(text)
            setOpen(false)
          }}
        />
      ) : null}
    </div>
  )
}
