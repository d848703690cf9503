import { afterEach, expect, it, vi } from 'vitest'
import { readWorkflows } from './requests'

afterEach(() => vi.unstubAllGlobals())

it('reads every page of the workflows', async () => {
  const asked: string[] = []
  const pages = [
    { items: [{ id: 'a' }], next: 'more' },
    { items: [{ id: 'b' }], next: null },
  ]
  vi.stubGlobal('document', { cookie: '' })
  vi.stubGlobal('fetch', async (path: string) => {
    asked.push(path)
    return new Response(JSON.stringify(pages[asked.length - 1]))
  })
  expect(await readWorkflows()).toEqual([{ id: 'a' }, { id: 'b' }])
  expect(asked).toEqual(['/api/v1/workflows?limit=200', '/api/v1/workflows?limit=200&cursor=more'])
})
