/** Add a step by typing: opened by Ctrl+K, by a plus, or by a line that was dropped on the canvas. */
import { Search } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useGraph } from '../../app/store/graph'
import { useView } from '../../app/store/view'
import { refusedType } from '../../shared/graph/nesting'
import { Icon } from '../../shared/ui/icon'
import { matching, useEntries } from './catalogue'
import { containerFor, placeStep } from './place'

export function QuickAddDialog() {
  const where = useView(store => store.quickAdd)
  const [text, setText] = useState('')
  const [active, setActive] = useState(0)
  const { entries } = useEntries()
  const dialog = useRef<HTMLDialogElement>(null)
  const list = useRef<HTMLUListElement>(null)
  useEffect(() => {
    if (where) {
      setText('')
      setActive(0)
      dialog.current?.showModal()
    } else dialog.current?.close()
  }, [where])
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' })
  }, [active])
  if (!where) return null
  const { graph } = useGraph.getState()
  const container = containerFor(graph, where)
  const follows = Boolean(where.from || where.onEdge)
  const shown = matching(entries, text)
    .filter(entry => !(follows && entry.type.is_trigger) && !refusedType(graph, entry.type, container))
    .slice(0, 60)
  const choose = (index: number) => {
    const entry = shown[index]
    if (!entry) return
    placeStep(entry, where)
    // The dialog goes with what had the focus in it; keys go on in the settings of the new step.
    requestAnimationFrame(() => document.querySelector<HTMLElement>('.inspector')?.focus())
  }
  return (
    <dialog
      ref={dialog}
      className="sheet quick-add"
      aria-label="Add step"
      onClose={() => useView.getState().set({ quickAdd: null })}
      onMouseDown={event => {
        if (event.target === dialog.current) dialog.current?.close()
      }}
    >
      <label className="search">
        <Search aria-hidden />
        <input
          type="search"
          role="combobox"
          aria-expanded="true"
          aria-controls="quick-add-list"
          aria-activedescendant={shown[active] ? `quick-${active}` : undefined}
          placeholder={follows ? 'What comes next?' : container ? 'Which step goes inside?' : 'Which step?'}
          aria-label="Search steps and tools"
          value={text}
          autoFocus
          onChange={event => {
            setText(event.target.value)
            setActive(0)
          }}
          onKeyDown={event => {
            if (event.key === 'ArrowDown') setActive(Math.min(active + 1, shown.length - 1))
            else if (event.key === 'ArrowUp') setActive(Math.max(active - 1, 0))
            else if (event.key === 'Enter') choose(active)
            else return
            event.preventDefault()
          }}
        />
      </label>
      <ul ref={list} id="quick-add-list" role="listbox" aria-label="Steps to add">
        {shown.map((entry, index) => (
          <li
            key={entry.key}
            id={`quick-${index}`}
            role="option"
            aria-selected={index === active}
            data-tone={entry.type.group}
            tabIndex={-1}
            onMouseMove={() => setActive(index)}
            onClick={() => choose(index)}
          >
            <span className="tile is-small">
              <Icon name={entry.type.icon} />
            </span>
            <span className="grow">
              <strong>{entry.title}</strong>
              <span className="sub">{entry.description}</span>
            </span>
            <span className="sub">{entry.group}</span>
          </li>
        ))}
        {shown.length === 0 ? <li className="sub">Nothing is called “{text}”.</li> : null}
      </ul>
    </dialog>
  )
}
