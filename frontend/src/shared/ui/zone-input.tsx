/** A time zone by its name, with every name that the browser knows as a suggestion. */
type Props = {
  id: string
  value: string | undefined
  readOnly: boolean
  placeholder?: string
  onChange: (value: string | undefined) => void
}

export function ZoneInput({ id, value, readOnly, placeholder, onChange }: Props) {
  return (
    <>
      <input
        id={id}
        className="input"
        list={`${id}-zones`}
        value={value ?? ''}
        readOnly={readOnly}
        placeholder={placeholder}
        onChange={event => onChange(event.target.value.trim() || undefined)}
      />
      <datalist id={`${id}-zones`}>
        {Intl.supportedValuesOf('timeZone').map(zone => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  )
}
