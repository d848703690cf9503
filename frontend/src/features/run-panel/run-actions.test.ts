import { expect, test } from 'vitest'
import { againAlthough } from './run-actions'

const call = {
  run_id: '0190',
  path: 'each[1]/pay',
  node: 'pay',
  title: 'Pay',
  server: 'shop',
  tool: 'refund',
}

test('the question before a retry names each step and its tool', () => {
  expect(againAlthough([call])).toContain('“Pay” (shop · refund)')
  expect(againAlthough([call, { ...call, title: 'Post', server: '', tool: '' }])).toContain(
    '“Pay” (shop · refund), “Post” (each[1]/pay)',
  )
})
