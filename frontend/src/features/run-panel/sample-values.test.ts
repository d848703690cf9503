import { describe, expect, it } from 'vitest'
import { kindOf, textsOf, valuesFrom } from './sample-values'

const sample = { name: 'Ada', code: '007', pieces: 2, paid: false, note: null, tags: ['a'] }

describe('a sample that is edited as a form', () => {
  it('keeps the types of what nobody changed', () => {
    expect(valuesFrom(textsOf(sample), sample)).toEqual(sample)
  })

  it('gives what was typed in the type that the sample has', () => {
    const texts = { ...textsOf(sample), code: '008', pieces: '3.5', paid: 'true', note: '5' }
    expect(valuesFrom(texts, sample)).toEqual({ ...sample, code: '008', pieces: 3.5, paid: true, note: '5' })
  })

  it('keeps what cannot be read in that type as the text that it is', () => {
    expect(valuesFrom({ pieces: 'some' }, sample)).toEqual({ pieces: 'some' })
  })

  it('has boxes for numbers, choices for yes and no, and JSON for the rest', () => {
    expect(Object.values(sample).map(kindOf)).toEqual([
      undefined,
      undefined,
      'number',
      'boolean',
      undefined,
      'long_text',
    ])
  })
})
