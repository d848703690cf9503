/** One field with suggestions for each part of something: the arguments of a prompt, the parts of a template. */
import { titleOf } from '../resolve'
import type { SharedProps } from '../schema-field'
import { type Suggested, SuggestedField } from './suggested-field'

export type Part = { name: string; required: boolean; description?: string }

export function SuggestedGroup({
  path,
  label,
  parts,
  values,
  about,
  onChange,
}: Pick<SharedProps, 'path' | 'label' | 'onChange'> & {
  parts: readonly Part[]
  values: Record<string, unknown>
  about: Pick<Suggested, 'server' | 'kind' | 'name'>
}) {
  return (
    <fieldset className="arguments">
      <legend>{label}</legend>
      {parts.map(part => (
        <SuggestedField
          key={part.name}
          path={`${path}/${part.name}`}
          label={titleOf(part.name, {})}
          hint={part.description || undefined}
          required={part.required}
          value={String(values[part.name] ?? '')}
          about={{ ...about, argument: part.name, given: values }}
          onChange={next => {
            const { [part.name]: _, ...rest } = values
            onChange(next === undefined ? rest : { ...values, [part.name]: next })
          }}
        />
      ))}
    </fieldset>
  )
}
