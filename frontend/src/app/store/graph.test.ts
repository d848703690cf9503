import { beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '../../api/client'
import { EMPTY_GRAPH, type Graph } from '../../shared/graph/document'
import { useGraph } from './graph'

const saveDraft = vi.hoisted(() => vi.fn())
vi.mock('../../api/requests', () => ({ saveDraft, readWorkflow: vi.fn() }))

const noted = (text: string): Graph => ({
  ...EMPTY_GRAPH,
  notes: [{ id: 'n1', text, position: { x: 0, y: 0 } }],
})

describe('saving the draft before it is published or run', () => {
  beforeEach(() => {
    saveDraft.mockReset()
    useGraph.getState().open('w', EMPTY_GRAPH, 1, false)
  })

  it('gives the graph that the server has', async () => {
    saveDraft.mockResolvedValue({ revision: 2 })
    useGraph.getState().change(() => noted('a'))
    expect(await useGraph.getState().saveAll()).toEqual(noted('a'))
  })

  it('saves again what was changed meanwhile', async () => {
    saveDraft.mockImplementationOnce(async () => {
      useGraph.getState().change(() => noted('b'))
      return { revision: 2 }
    })
    saveDraft.mockResolvedValue({ revision: 3 })
    useGraph.getState().change(() => noted('a'))
    expect(await useGraph.getState().saveAll()).toEqual(noted('b'))
    expect(saveDraft).toHaveBeenLastCalledWith('w', noted('b'), 2)
  })

  it.each([
    [503, 'database_unavailable'],
    [422, 'graph_malformed'],
    [409, 'stale_revision'],
  ])('stops with the reason when the server answers %i', async (status, code) => {
    saveDraft.mockRejectedValue(new ApiError(status, code, 'No room.'))
    useGraph.getState().change(() => noted('a'))
    await expect(useGraph.getState().saveAll()).rejects.toThrow('The draft could not be saved: No room.')
  })
})

describe('a draft whose session has ended', () => {
  it('is kept, tells so, and is saved once somebody has signed in again', async () => {
    vi.useFakeTimers()
    saveDraft.mockReset()
    saveDraft.mockRejectedValueOnce(new ApiError(401, 'not_signed_in', 'Sign in.'))
    saveDraft.mockRejectedValueOnce(new ApiError(401, 'not_signed_in', 'Sign in.'))
    saveDraft.mockResolvedValue({ revision: 2 })
    useGraph.getState().open('w', EMPTY_GRAPH, 1, false)
    useGraph.getState().change(() => noted('a'))
    await expect(useGraph.getState().saveAll()).rejects.toThrow('Your session has ended.')
    expect(useGraph.getState()).toMatchObject({ isSignedOut: true, saveState: 'offline', graph: noted('a') })
    useGraph.getState().change(() => noted('b'))
    expect(useGraph.getState().isSignedOut).toBe(true)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(useGraph.getState()).toMatchObject({ isSignedOut: false, saveState: 'saved' })
    expect(saveDraft).toHaveBeenLastCalledWith('w', noted('b'), 1)
    vi.useRealTimers()
  })
})
