/** What servers logged while they worked on a step. */
import { useRun } from '../../app/store/run'

const PROBLEMS = new Set(['warning', 'error', 'critical', 'alert', 'emergency'])

export function StepLog({ path }: { path: string }) {
  const lines = useRun(store => store.logs[path])
  if (!lines?.length) return null
  return (
    <details className="step-log" open={lines.some(line => PROBLEMS.has(line.level))}>
      <summary>
        What the server logged <span className="sub num">{lines.length}</span>
      </summary>
      <ol aria-label="Log of the server">
        {lines.map(line => (
          <li key={line.seq} data-problem={PROBLEMS.has(line.level) || undefined}>
            <span className="log-level">{line.level}</span>
            <span className="log-text">
              {line.logger ? <span className="sub">{line.logger} </span> : null}
              {line.text}
              {line.shared ? (
                <span className="sub" title="The server did not say which of several calls this is about.">
                  {' '}
                  (may be about another call)
                </span>
              ) : null}
            </span>
            <time className="sub num" dateTime={line.at}>
              {new Date(line.at).toLocaleTimeString()}
            </time>
          </li>
        ))}
      </ol>
    </details>
  )
}
