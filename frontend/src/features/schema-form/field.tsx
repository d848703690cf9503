/** The frame of a field: label, hint, control, and what is wrong with it. */
import type { ReactNode } from 'react'
import { useForm } from './form-context'

export function FieldFrame({
  path,
  label,
  hint,
  required,
  side,
  children,
  group = false,
}: {
  path: string
  label: string
  hint?: string
  required?: boolean
  side?: ReactNode
  children: ReactNode
  group?: boolean
}) {
  const title = (
    <>
      {label}
      {required ? <span className="required"> *</span> : null}
    </>
  )
  return (
    <div
      className="field"
      data-field={path}
      role={group ? 'group' : undefined}
      aria-label={group ? label : undefined}
    >
      <div className="field-line">
        {group ? (
          <span className="field-label">{title}</span>
        ) : (
          <label className="field-label" htmlFor={fieldId(path)}>
            {title}
          </label>
        )}
        {side}
      </div>
      {children}
      <FieldProblems path={path} />
      {hint ? <p className="field-hint">{hint}</p> : null}
    </div>
  )
}

/** What is wrong at exactly this place: a part of a field that has no frame of its own tells it beside its control. */
export function FieldProblems({ path }: { path: string }) {
  const form = useForm()
  return form.problems
    .filter(problem => problem.field === path)
    .map(problem => (
      <p
        key={problem.code + problem.message}
        className={problem.severity === 'error' ? 'field-error' : 'field-warning'}
      >
        {problem.message}
        {problem.fix && !form.readOnly ? (
          <button type="button" className="link-button" onClick={() => form.fix(problem)}>
            Fix it
          </button>
        ) : null}
      </p>
    ))
}

export const fieldId = (path: string): string => `field-${path.replace(/[^\w]/g, '-')}`
