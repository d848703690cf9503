import { expect, test } from 'vitest'
import { conditionText, parseCondition } from './condition'

test.each([
  ['{{ steps.check.status == "done" }}', { left: 'steps.check.status', op: '==', right: 'done' }],
  ['{{ index >= 3 }}', { left: 'index', op: '>=', right: '3' }],
  ['{{ steps.check.done }}', { left: 'steps.check.done', op: 'yes', right: '' }],
  ['{{ steps.check.text == "}}" }}', { left: 'steps.check.text', op: '==', right: '}}' }],
  ['{{ !steps.check.?more }}', { left: 'steps.check.?more', op: 'no', right: '' }],
  ['{{ item["a b"].x != "say \\"hi\\"" }}', { left: 'item["a b"].x', op: '!=', right: 'say "hi"' }],
])('%s is read in parts and written again', (text, parts) => {
  expect(parseCondition(text)).toEqual(parts)
  expect(conditionText(parts)).toBe(text)
})

test('what has no such parts stays an expression', () => {
  expect(parseCondition('{{ steps.a.x }}{{ steps.b.y }}')).toBe(null)
  expect(parseCondition('{{ size(steps.a.items) == 0 }}')).toBe(null)
  expect(parseCondition('{{ steps.a.x == 1 && steps.b.y == 2 }}')).toBe(null)
  expect(parseCondition('{{ steps.a.x == steps.b.y }}')).toBe(null)
  expect(parseCondition('')).toEqual({ left: '', op: '==', right: '' })
})
