import { describe, expect, it } from 'vitest'
import { endsInPart, hasParts, onlyExpression, pieces, replaceParts } from './templates'

const expressions = (text: string) => pieces(text).flatMap(piece => piece.expression?.trim() ?? [])

describe('a text with parts', () => {
  it.each([
    ['{{ name }}', ['name']],
    ['{{name}}', ['name']],
    ['Hello {{ name }}!', ['name']],
    ['{{ name }}{{ count }}', ['name', 'count']],
    ['{{ share * 2 }} of {{ 0.1 + 0.2 }}', ['share * 2', '0.1 + 0.2']],
    ['', []],
    ['no parts at all', []],
    ['a } b }} c { d', []],
  ])('is cut at its braces: %s', (text, found) => {
    expect(expressions(text)).toEqual(found)
  })

  it.each([
    ['{{ "{{" }}', ['"{{"']],
    ['write {{ "{{" }} name }}', ['"{{"']],
    ['{{ "}}" }}', ['"}}"']],
    ['{{ \'}}\' + "}}" }}', ['\'}}\' + "}}"']],
    ['{{ {"a": {"b": 1}} }}', ['{"a": {"b": 1}}']],
    ['{{ {"a": {"b": 1}}}}', ['{"a": {"b": 1}}']],
    ['{{ [{"a": {"b": 1}}] }}', ['[{"a": {"b": 1}}]']],
    ['{{ {"a": 1}.a }}-{{ {} }}', ['{"a": 1}.a', '{}']],
    ["{{ items.map(x, {'x': x}) }}", ["items.map(x, {'x': x})"]],
    ['{{ r"\\" + "\\"}}" }} {{ a }}', ['r"\\" + "\\"}}"', 'a']],
    ['{{ """ " }} """ }}', ['""" " }} """']],
    ['{{ a // }} of a\n}}', ['a // }} of a']],
  ])('has parts that end where the expression says: %s', (text, found) => {
    expect(expressions(text)).toEqual(found)
  })

  it.each(['{{', '{{ name', '{{ name }', '{{ name } }}', '{{ "open }}', `{{ name${' '.repeat(5000)}}}`])(
    'has no part where the server finds no end: %#',
    text => {
      expect(pieces(text)).toEqual([{ text, expression: null }])
    },
  )

  it('keeps its later parts while an earlier one is being written', () => {
    expect(expressions('{{ "a {{ name }} b')).toEqual(['name'])
    expect(expressions('{{ na {{ name }} b')).toEqual(['name'])
  })

  it('loses nothing', () => {
    const text = 'a {{ {"b": {}} }} c {{ d } {{ e }}'
    expect(
      pieces(text)
        .map(piece => piece.text)
        .join(''),
    ).toBe(text)
    expect(replaceParts(text, () => '_')).toBe('a _ c {{ d } _')
  })

  it('is a single expression only without a character around it', () => {
    expect(onlyExpression('{{ [{"a": {"b": 1}}] }}')).toBe(' [{"a": {"b": 1}}] ')
    expect(onlyExpression('{{  }}')).toBe('  ')
    for (const text of [' {{ a }}', '{{ a }}{{ b }}', 'a', '']) expect(onlyExpression(text)).toBe(null)
  })

  it.each([
    ['{{ 1 ', true],
    ['{{ a }} and {{ {"b": 1} == ', true],
    ['{{ "}}" ', true],
    ['{{ a }} ', false],
    ['a } b ', false],
    ['', false],
  ])('says whether a part is still open: %s', (text, open) => {
    expect(endsInPart(text)).toBe(open)
  })

  it('may be asked for braces alone', () => {
    expect(hasParts('a {{')).toBe(true)
    expect(hasParts('a }}')).toBe(false)
    expect(hasParts(12)).toBe(false)
  })
})
