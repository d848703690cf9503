/** A text that may hold data, with the values that a server suggests for it; quiet where it suggests none. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { suggestValues } from '../../../api/requests'
import { hasParts } from '../../../shared/graph/templates'
import { ExpressionField } from '../../expression/expression-field'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'

/** What a value belongs to: an argument of a prompt, or a part of a template of addresses. */
export type Suggested = {
  server: string
  kind: 'prompt' | 'resource'
  name: string
  argument: string
  /** The other values as they are filled in; those with data in them are not known yet. */
  given: Record<string, unknown>
}

const PAUSE_MS = 250
const SHOWN = 12

function usePaused(value: string): string {
  const [paused, setPaused] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setPaused(value), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [value])
  return paused
}

function knownTexts(given: Record<string, unknown>, own: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) =>
      name !== own && typeof value === 'string' && value !== '' && !hasParts(value) ? [[name, value]] : [],
    ),
  )
}

export function SuggestedField({
  path,
  label,
  hint,
  required,
  value,
  about,
  onChange,
}: {
  path: string
  label: string
  hint?: string
  required?: boolean
  value: string
  about: Suggested
  onChange: (value: string | undefined) => void
}) {
  const form = useForm()
  const [focused, setFocused] = useState(false)
  const typed = usePaused(value)
  const given = knownTexts(about.given, about.argument)
  const { data } = useQuery({
    queryKey: ['suggestions', about.server, about.kind, about.name, about.argument, typed, given],
    queryFn: () =>
      suggestValues(about.server, {
        kind: about.kind,
        name: about.name,
        argument: about.argument,
        value: typed,
        given,
      }),
    enabled: focused && !form.readOnly && !hasParts(typed),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: false,
  })
  const values = (data?.values ?? []).filter(text => text !== value).slice(0, SHOWN)
  const isOpen = focused && !form.readOnly && !hasParts(value) && values.length > 0
  return (
    <div
      onFocus={() => setFocused(true)}
      onBlur={event => {
        if (!event.currentTarget.contains(event.relatedTarget)) setFocused(false)
      }}
    >
      <FieldFrame path={path} label={label} hint={hint} required={required}>
        <ExpressionField
          id={fieldId(path)}
          label={label}
          node={form.node}
          value={value}
          readOnly={form.readOnly}
          invalid={form.problems.some(problem => problem.field === path && problem.severity === 'error')}
          onChange={next => onChange(next === '' && !required ? undefined : next)}
        />
        {isOpen ? (
          <ul className="source-list" aria-label={`Suggestions for ${label}`}>
            {values.map(text => (
              <li key={text}>
                <button
                  type="button"
                  onClick={() => {
                    onChange(text)
                    setFocused(false)
                  }}
                >
                  <span className="grow">{text}</span>
                </button>
              </li>
            ))}
          </ul>
        ) : null}
      </FieldFrame>
    </div>
  )
}
