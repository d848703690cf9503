/** The steps that can be added: searched, dragged onto the canvas, or clicked. */
import { Search } from 'lucide-react'
import { useState } from 'react'
import { focusSteps } from '../../shared/ui/focus-steps'
import { Icon } from '../../shared/ui/icon'
import { DRAG_TYPE } from '../canvas/canvas'
import { type Entry, matching, useEntries } from './catalogue'
import { placeAfterSelection } from './place'

export function Palette() {
  const [text, setText] = useState('')
  const { entries } = useEntries()
  const shown = matching(entries, text)
  const groups = [...new Set(shown.map(entry => entry.group))]
  return (
    <section className="palette" aria-label="Steps">
      <label className="search">
        <Search aria-hidden />
        <input
          type="search"
          placeholder="Search steps and tools"
          aria-label="Search steps and tools"
          value={text}
          onChange={event => setText(event.target.value)}
        />
      </label>
      <button type="button" className="btn btn-sm skip-palette" onClick={focusSteps}>
        Skip the list of steps
      </button>
      <div className="palette-list">
        {groups.map(group => (
          <section key={group} aria-label={group}>
            <h3>{group}</h3>
            <ul>
              {shown
                .filter(entry => entry.group === group)
                .map(entry => (
                  <li key={entry.key}>
                    <PaletteItem entry={entry} />
                  </li>
                ))}
            </ul>
          </section>
        ))}
        {shown.length === 0 ? <p className="sub palette-none">Nothing is called “{text}”.</p> : null}
      </div>
    </section>
  )
}

function PaletteItem({ entry }: { entry: Entry }) {
  return (
    <button
      type="button"
      className="palette-item"
      data-tone={entry.type.group}
      data-entry={entry.key}
      draggable
      title={entry.description}
      onDragStart={event => {
        event.dataTransfer.setData(DRAG_TYPE, entry.key)
        event.dataTransfer.effectAllowed = 'copy'
      }}
      onClick={() => placeAfterSelection(entry)}
    >
      <span className="tile is-small">
        <Icon name={entry.type.icon} />
      </span>
      <span className="palette-title">{entry.title}</span>
      {entry.blocked ? <span className="sub">off</span> : null}
    </button>
  )
}
