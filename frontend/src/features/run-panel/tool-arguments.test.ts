import { expect, test } from 'vitest'
import { argumentRows, argumentsFrom } from './tool-arguments'

const SCHEMA = {
  properties: {
    order_id: { type: 'string', title: 'Order number' },
    count: { type: ['integer', 'null'] },
    urgent: { type: 'boolean' },
    size: { enum: ['S', 2] },
    on: { type: 'string', format: 'date' },
    filters: { type: 'object' },
  },
  required: ['order_id'],
}

test('each argument has the field that fits its type', () => {
  expect(argumentRows(SCHEMA).map(row => [row.id, row.kind, row.required])).toEqual([
    ['order_id', 'text', true],
    ['count', 'number', false],
    ['urgent', 'boolean', false],
    ['size', 'choice', false],
    ['on', 'date', false],
    ['filters', 'long_text', false],
  ])
  expect(argumentRows({})).toEqual([])
})

test('what was typed becomes what the schema wants', () => {
  const typed = {
    order_id: '12345',
    count: '2',
    urgent: 'true',
    size: '2',
    on: '',
    filters: '{"a": [1]}',
  }
  expect(argumentsFrom(typed, SCHEMA)).toEqual({
    order_id: '12345',
    count: 2,
    urgent: true,
    size: 2,
    filters: { a: [1] },
  })
  expect(argumentsFrom({ count: 'two' }, SCHEMA)).toEqual({ count: 'two' })
})
