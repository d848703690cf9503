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
    colours: { type: 'array', items: { enum: ['red', 'blue'] } },
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
    ['colours', 'multi_choice', false],
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
    colours: '["red"]',
  }
  expect(argumentsFrom(typed, SCHEMA)).toEqual({
    order_id: '12345',
    count: 2,
    urgent: true,
    size: 2,
    filters: { a: [1] },
    colours: ['red'],
  })
  expect(argumentsFrom({ count: 'two' }, SCHEMA)).toEqual({ count: 'two' })
})
