/** Data in words: names and values first, JSON one click behind. */
import { useState } from 'react'

const words = (name: string): string => {
  const plain = name.replace(/_/g, ' ')
  return plain.charAt(0).toUpperCase() + plain.slice(1)
}

function Plain({ value }: { value: unknown }) {
  if (value === null || value === undefined || value === '') return <span className="sub">empty</span>
  if (typeof value === 'boolean') return <>{value ? 'Yes' : 'No'}</>
  if (typeof value !== 'object') return <>{String(value)}</>
  if (Array.isArray(value)) {
    if (value.length === 0) return <span className="sub">none</span>
    if (value.every(item => typeof item !== 'object')) return <>{value.map(String).join(', ')}</>
    return (
      <ol className="value-list">
        {value.slice(0, 20).map((item, index) => (
          <li key={index}>
            <Plain value={item} />
          </li>
        ))}
        {value.length > 20 ? <li className="sub">and {value.length - 20} more</li> : null}
      </ol>
    )
  }
  const entries = Object.entries(value)
  if (entries.length === 0) return <span className="sub">nothing</span>
  return (
    <dl className="kv">
      {entries.map(([name, item]) => (
        <div key={name} className="contents">
          <dt>{words(name)}</dt>
          <dd>
            <Plain value={item} />
          </dd>
        </div>
      ))}
    </dl>
  )
}

export function ValueView({ value, title }: { value: unknown; title: string }) {
  const [asJson, setAsJson] = useState(false)
  return (
    <section className="value-view">
      <header>
        <h3>{title}</h3>
        <button
          type="button"
          className="link-button"
          onClick={() => setAsJson(!asJson)}
          aria-pressed={asJson}
        >
          {asJson ? 'In words' : 'As JSON'}
        </button>
      </header>
      {asJson ? (
        <pre className="code">{JSON.stringify(value, null, 2) ?? 'null'}</pre>
      ) : (
        <Plain value={value} />
      )}
    </section>
  )
}
