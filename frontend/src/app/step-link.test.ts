import { expect, it, vi } from 'vitest'
import { pathIn, stepLink } from './step-link'

vi.mock('../api/requests', () => ({}))

it('leads to a step and back to its path', () => {
  expect(pathIn(stepLink('loop[3]/lookup'))).toBe('loop[3]/lookup')
})

it('is ignored where it names nothing or cannot be read', () => {
  expect(['', '#other', '#step=%E0%A4%A', '#step=%'].map(pathIn)).toEqual([null, null, null, null])
})
