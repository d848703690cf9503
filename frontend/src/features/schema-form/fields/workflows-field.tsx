/** Other workflows of the workspace, chosen by their names. */
import { useQuery } from '@tanstack/react-query'
import { readWorkflows } from '../../../api/requests'
import { useGraph } from '../../../app/store/graph'
import { FieldFrame, FieldProblems } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'

export function WorkflowsField({ schema, path, value, label, onChange }: SharedProps) {
  const form = useForm()
  const own = useGraph(store => store.workflow)
  const { data } = useQuery({ queryKey: ['workflows'], queryFn: readWorkflows, staleTime: 30_000 })
  const chosen = Array.isArray(value) ? value.filter(slug => typeof slug === 'string') : []
  const others = (data ?? []).filter(row => row.id !== own)
  const gone = data ? chosen.filter(slug => !others.some(row => row.slug === slug)) : []
  const options = [
    ...others.map(row => [row.slug, row.name] as const),
    ...gone.map(slug => [slug, `${slug} (not there)`] as const),
  ]
  const toggle = (slug: string) => {
    const next = chosen.includes(slug) ? chosen.filter(other => other !== slug) : [...chosen, slug]
    onChange(next.length ? next : undefined)
  }
  return (
    <FieldFrame path={path} label={label} hint={schema.description} group>
      <div className="segments is-wrapping">
        {options.map(([slug, name]) => (
          <button
            key={slug}
            type="button"
            aria-pressed={chosen.includes(slug)}
            disabled={form.readOnly}
            onClick={() => toggle(slug)}
          >
            {name}
          </button>
        ))}
      </div>
      {chosen.map((slug, index) => (
        <FieldProblems key={slug} path={`${path}/${index}`} />
      ))}
    </FieldFrame>
  )
}
