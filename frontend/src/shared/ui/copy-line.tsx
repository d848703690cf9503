/** A text that is made to be copied, with its button. */
import { useState } from 'react'

export function CopyLine({ id, label, text }: { id: string; label: string; text: string }) {
  const [done, setDone] = useState(false)
  return (
    <div className="field">
      <label htmlFor={id} id={`${id}-label`}>
        {label}
      </label>
      <div className="pair">
        <input
          id={id}
          className="input mono"
          readOnly
          value={text}
          onFocus={event => event.target.select()}
        />
        <button
          type="button"
          className="btn"
          aria-describedby={`${id}-label`}
          onClick={async () => {
            await navigator.clipboard.writeText(text)
            setDone(true)
            setTimeout(() => setDone(false), 1500)
          }}
        >
          {done ? 'Copied' : 'Copy'}
        </button>
      </div>
    </div>
  )
}
