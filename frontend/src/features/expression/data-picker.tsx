/** What earlier steps give, with the values of the last run beside; a click takes it. */
import { Search, X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { Icon } from '../../shared/ui/icon'
import { useDataPaths } from './use-data-paths'

function sample(value: unknown): string {
  if (value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return (text ?? '').slice(0, 60)
}

export function DataPicker({
  node,
  onPick,
  onClose,
}: {
  node: string
  onPick: (path: string) => void
  onClose: () => void
}) {
  const [text, setText] = useState('')
  const { groups } = useDataPaths(node)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    box.current?.querySelector('input')?.focus()
    box.current?.scrollIntoView({ block: 'nearest' })
  }, [])
  const wanted = text.toLowerCase()
  const fits = (path: { path: string; label: string }) =>
    path.path.toLowerCase().includes(wanted) || path.label.toLowerCase().includes(wanted)
  return (
    <div
      ref={box}
      className="data-picker"
      role="dialog"
      aria-label="Data of earlier steps"
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation()
          onClose()
        }
      }}
    >
      <div className="data-picker-head">
        <label className="search">
          <Search aria-hidden />
          <input
            type="search"
            placeholder="Search data"
            aria-label="Search data"
            value={text}
            onChange={event => setText(event.target.value)}
          />
        </label>
        <button type="button" className="icon-button" aria-label="Close the data list" onClick={onClose}>
          <X aria-hidden />
        </button>
      </div>
      {groups.map(group => {
        const paths = group.paths.filter(fits)
        if (!paths.length) return null
        return (
          <section key={group.title + paths[0]!.path} data-tone={group.group}>
            <h4>
              <span className="tile is-tiny">
                <Icon name={group.icon} />
              </span>
              {group.title}
            </h4>
            <ul>
              {paths.map(path => (
                <li key={path.path}>
                  <button
                    type="button"
                    data-path={path.path}
                    data-depth={path.depth}
                    onClick={() => onPick(path.path)}
                  >
                    <span>{path.label}</span>
                    <span className="sub">{sample(path.last) || path.kind}</span>
                  </button>
                </li>
              ))}
            </ul>
          </section>
        )
      })}
      {groups.length <= 1 ? (
        <p className="sub data-picker-none">Connect this step to an earlier one to use its data.</p>
      ) : null}
    </div>
  )
}
