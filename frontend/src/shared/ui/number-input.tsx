/** A box for a number within bounds: what is out of them is told at the box and goes no further. */
import { useState } from 'react'

export type NumberInputProps = {
  id: string
  /** undefined where nothing is said. */
  value: number | undefined
  min: number
  max?: number
  isWhole?: boolean
  /** Whether nothing may be said; else an empty box gets its number back when it is left. */
  mayBeEmpty?: boolean
  placeholder?: string
  readOnly: boolean
  isSmall?: boolean
  onChange: (value: number | undefined) => void
}

export function NumberInput({
  id,
  value,
  min,
  max = Number.MAX_SAFE_INTEGER,
  isWhole = false,
  mayBeEmpty = false,
  placeholder,
  readOnly,
  isSmall = false,
  onChange,
}: NumberInputProps) {
  // What was typed and cannot be taken, for as long as the number is the one that it was typed over.
  const [typed, setTyped] = useState<{ text: string; over: number | undefined } | null>(null)
  const open = typed && typed.over === value ? typed.text : null
  const problem = open ? wordsFor(min, max, isWhole) : ''
  return (
    <>
      <input
        id={id}
        className={isSmall ? 'input input-sm num' : 'input num'}
        type="number"
        min={min}
        max={max}
        step={isWhole ? 1 : 'any'}
        placeholder={placeholder}
        readOnly={readOnly}
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? `${id}-problem` : undefined}
        value={open ?? value ?? ''}
        onChange={event => {
          const { value: text, valueAsNumber: number } = event.target
          const fits = text === '' ? mayBeEmpty : isWithin(number, min, max, isWhole)
          setTyped(fits ? null : { text, over: value })
          if (fits) onChange(text === '' ? undefined : number)
        }}
        onBlur={() => open === '' && setTyped(null)}
      />
      {problem ? (
        <span id={`${id}-problem`} className="field-error" role="alert">
          {problem}
        </span>
      ) : null}
    </>
  )
}

const isWithin = (number: number, min: number, max: number, isWhole: boolean): boolean =>
  number >= min && number <= max && (!isWhole || Number.isInteger(number))

function wordsFor(min: number, max: number, isWhole: boolean): string {
  const kind = isWhole ? 'a whole number' : 'a number'
  const least = min.toLocaleString()
  return max === Number.MAX_SAFE_INTEGER
    ? `Not taken: this is ${kind} of at least ${least}.`
    : `Not taken: this is ${kind} from ${least} to ${max.toLocaleString()}.`
}
