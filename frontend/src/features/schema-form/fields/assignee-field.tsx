/** Who is asked: anyone, a role, a person, or who started the run. */
import { useQuery } from '@tanstack/react-query'
import { readMembers } from '../../../api/requests'
import { FieldFrame, FieldProblems, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'

type Assignee = { kind: string; value?: string | null }
const KINDS: [string, string][] = [
  ['anyone', 'Anyone who answers the inbox'],
  ['role', 'People with a role'],
  ['person', 'One person'],
  ['starter', 'Who started the run'],
]

const ROLES = ['agent', 'builder', 'admin']

const isAmong = (options: [string, string][], value: string): boolean =>
  options.some(([option]) => option.toLowerCase() === value.toLowerCase())

export function AssigneeField({ schema, path, value, label, onChange }: SharedProps) {
  const form = useForm()
  // Where nobody need be named, that is what an empty field means.
  const isOptional = schema.default === null
  const given = (value as Assignee | null | undefined) ?? { kind: isOptional ? '' : 'anyone' }
  const members = useQuery({ queryKey: ['members'], queryFn: readMembers, enabled: given.kind === 'person' })
  const options: [string, string][] =
    given.kind === 'role'
      ? ROLES.map(role => [role, role])
      : (members.data ?? []).map(member => [member.email, `${member.name} (${member.email})`])
  const other = given.value && !isAmong(options, given.value) ? given.value : null
  return (
    <FieldFrame path={path} label={label} hint={schema.description}>
      <select
        id={fieldId(path)}
        className="select"
        disabled={form.readOnly}
        value={given.kind}
        onChange={event => onChange(event.target.value ? { kind: event.target.value } : undefined)}
      >
        {isOptional ? <option value="">{schema['x-placeholder'] ?? 'Nobody'}</option> : null}
        {KINDS.map(([kind, words]) => (
          <option key={kind} value={kind}>
            {words}
          </option>
        ))}
      </select>
      {given.kind === 'role' || given.kind === 'person' ? (
        <select
          className="select"
          aria-label={given.kind === 'role' ? 'Role' : 'Person'}
          disabled={form.readOnly}
          value={given.value ?? ''}
          onChange={event => onChange({ ...given, value: event.target.value || null })}
        >
          <option value="">Choose…</option>
          {options.map(([option, words]) => (
            <option key={option} value={option}>
              {words}
            </option>
          ))}
          {other ? <option value={other}>{other}</option> : null}
        </select>
      ) : null}
      <FieldProblems path={`${path}/value`} />
    </FieldFrame>
  )
}
