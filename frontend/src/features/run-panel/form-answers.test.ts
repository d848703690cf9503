import { describe, expect, it } from 'vitest'
import { answersFrom, chosenIn, chosenText } from './form-answers'

const sizes = [{ id: 's' }, { id: 'm' }, { id: 'l' }]
const fields = [
  { id: 'name', kind: 'text' },
  { id: 'size', kind: 'choice', choices: sizes },
  { id: 'others', kind: 'multi_choice', choices: sizes },
  { id: 'photo', kind: 'file' },
]

describe('the answers to a form', () => {
  it('are a list where several may be chosen', () => {
    const texts = { name: 'Ada', size: 'm', others: chosenText(['s', 'l']) }
    expect(answersFrom(texts, fields)).toEqual({ name: 'Ada', size: 'm', others: ['s', 'l'] })
    expect(answersFrom({ others: chosenText([]) }, fields)).toEqual({ others: [] })
  })

  it('leave out what the form does not ask for any more, and files', () => {
    const remembered = { gone: 'x', size: 'xl', others: '["xl","s"]', photo: 'a.png' }
    expect(answersFrom(remembered, fields)).toEqual({ size: '', others: ['s'] })
  })

  it('hold no choices where a text was remembered', () => {
    expect(chosenIn('some words', sizes)).toEqual([])
    expect(chosenIn('{"s": 1}', sizes)).toEqual([])
  })
})
