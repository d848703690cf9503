import { expect, test } from 'vitest'
import { shiftInto } from './keep-in-view'

test.each([
  ['inside', 10, 90, 0],
  ['past the end', 60, 140, -40],
  ['before the start', -30, 50, 30],
  ['larger than the room, its start is shown', 20, 180, -20],
])('a span that is %s', (_, start, end, shift) => {
  expect(shiftInto(start, end, 100)).toBe(shift)
})
