/** Everything that is wrong, live; a click opens the field. */
import { CircleAlert, TriangleAlert, X } from 'lucide-react'
import type { Problem } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { isOfSettings, useProblems } from '../../app/store/problems'
import { nodeType } from '../../app/store/session'
import { useView } from '../../app/store/view'
import { nodeOf } from '../../shared/graph/document'
import { containersAround } from '../../shared/graph/nesting'

function openPlace(problem: Problem): void {
  const { openField, set } = useView.getState()
  if (problem.node) openField(problem.node, problem.field)
  else set({ dialog: 'settings', focusField: problem.field })
}

export function ProblemsList() {
  const problems = useProblems()
  const graph = useGraph(store => store.graph)
  const name = (id: string | null) => {
    const node = nodeOf(graph, id)
    if (!node) return 'Workflow'
    return [...containersAround(graph, node.id).reverse(), node.id]
      .map(at => nodeOf(graph, at)?.title || nodeType(nodeOf(graph, at)?.type)?.title || at)
      .join(' › ')
  }
  return (
    <section className="problems" aria-label="Problems">
      <header>
        <h2>Problems</h2>
        <button
          type="button"
          className="icon-button"
          aria-label="Close problems"
          onClick={() => useView.getState().set({ showProblems: false })}
        >
          <X aria-hidden />
        </button>
      </header>
      {problems.length === 0 ? <p className="sub">Nothing is wrong. You can publish.</p> : null}
      <ul>
        {problems.map(problem => (
          <li key={`${problem.node}${problem.field}${problem.message}`} data-severity={problem.severity}>
            <button
              type="button"
              disabled={!problem.node && !isOfSettings(problem)}
              onClick={() => openPlace(problem)}
            >
              {problem.severity === 'error' ? <CircleAlert aria-hidden /> : <TriangleAlert aria-hidden />}
              <span>
                <strong>{name(problem.node)}</strong> {problem.message}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
