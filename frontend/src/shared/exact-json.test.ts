import { expect, test } from 'vitest'
import { parseJson } from './exact-json'

const ID = '9007199254740993'

test.skipIf(!('rawJSON' in JSON))('whole numbers keep all their digits there and back', () => {
  const text = `{"id":${ID},"least":-9223372036854775808,"small":7,"share":0.1,"far":1e+300}`

  const value = parseJson(text) as { id: unknown; small: unknown }

  expect(String(value.id)).toBe(ID)
  expect(value.small).toBe(7)
  expect(JSON.stringify(value)).toBe(text)
})

test('what has more than 64 bits is the nearest double, as it is to the server', () => {
  expect(parseJson('18446744073709551617')).toBe(2 ** 64)
})

test('what is no JSON is told as ever', () => {
  expect(() => parseJson('{')).toThrow(SyntaxError)
})
