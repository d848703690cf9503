/** How many problems there are; opens and closes their list. */
import { CircleAlert, CircleCheck } from 'lucide-react'
import { useProblems } from './store/problems'
import { useView } from './store/view'

export function ProblemsButton() {
  const problems = useProblems()
  const isOpen = useView(store => store.showProblems)
  const hasErrors = problems.some(problem => problem.severity === 'error')
  return (
    <button
      type="button"
      className="btn btn-sm btn-ghost problems-button"
      data-kind={hasErrors ? 'error' : problems.length ? 'warning' : 'ok'}
      aria-label={
        problems.length ? `${problems.length} problem${problems.length === 1 ? '' : 's'}` : 'No problems'
      }
      aria-expanded={isOpen}
      onClick={() => useView.getState().set({ showProblems: !isOpen })}
    >
      {problems.length ? <CircleAlert aria-hidden /> : <CircleCheck aria-hidden />}
      <span className="num">{problems.length || 'OK'}</span>
    </button>
  )
}
