/** One field of the form that a workflow is tried with, as its kind wants it. */
import { chosenIn, chosenText, type FieldRow } from './form-answers'

type FieldProps = { row: FieldRow; value: string; onChange: (value: string) => void }

const INPUT_TYPES: Record<string, string> = {
  number: 'number',
  date: 'date',
  datetime: 'datetime-local',
  email: 'email',
  phone: 'tel',
  url: 'url',
}
const YES_OR_NO = [
  { id: 'true', title: 'Yes' },
  { id: 'false', title: 'No' },
]

export function AnswerField(props: FieldProps) {
  const { row } = props
  const words = (
    <>
      {row.title || row.id}
      {row.required ? <span className="required"> *</span> : null}
    </>
  )
  const hint = row.description ? <p className="field-hint">{row.description}</p> : null
  if (row.kind === 'multi_choice')
    return (
      <fieldset className="field">
        <legend>{words}</legend>
        <Checkboxes {...props} />
        {hint}
      </fieldset>
    )
  return (
    <div className="field">
      <label htmlFor={`input-${row.id}`}>{words}</label>
      <Control {...props} />
      {hint}
    </div>
  )
}

function Checkboxes({ row, value, onChange }: FieldProps) {
  const choices = row.choices ?? []
  const chosen = chosenIn(value, choices)
  return choices.map(choice => (
    <label key={choice.id} className="check-line">
      <input
        type="checkbox"
        className="checkbox checkbox-sm"
        checked={chosen.includes(choice.id)}
        onChange={event =>
          onChange(
            chosenText(
              event.target.checked ? [...chosen, choice.id] : chosen.filter(other => other !== choice.id),
            ),
          )
        }
      />
      {choice.title || choice.id}
    </label>
  ))
}

function Control({ row, value, onChange }: FieldProps) {
  const id = `input-${row.id}`
  if (row.kind === 'file')
    return (
      <>
        <input id={id} className="file-input" type="file" disabled aria-describedby={`${id}-why`} />
        <p id={`${id}-why`} className="field-hint">
          A file cannot be given here.
        </p>
      </>
    )
  if (row.kind === 'boolean' || row.kind === 'choice')
    return (
      <select id={id} className="select" value={value} onChange={event => onChange(event.target.value)}>
        <option value="">Choose…</option>
        {(row.kind === 'boolean' ? YES_OR_NO : (row.choices ?? [])).map(choice => (
          <option key={choice.id} value={choice.id}>
            {choice.title || choice.id}
          </option>
        ))}
      </select>
    )
  if (row.kind === 'long_text' || row.id === 'message' || row.id === 'text')
    return (
      <textarea
        id={id}
        className="textarea"
        rows={3}
        value={value}
        onChange={event => onChange(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey))
            event.currentTarget.form?.requestSubmit()
        }}
      />
    )
  return (
    <input
      id={id}
      className="input"
      type={INPUT_TYPES[row.kind ?? ''] ?? 'text'}
      step="any"
      value={value}
      onChange={event => onChange(event.target.value)}
    />
  )
}
