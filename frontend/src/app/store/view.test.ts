import { describe, expect, it, vi } from 'vitest'
import { EMPTY_GRAPH, type Graph } from '../../shared/graph/document'
import { useGraph } from './graph'
import { useView } from './view'

vi.mock('../../api/requests', () => ({ saveDraft: vi.fn(), readWorkflow: vi.fn() }))

const withSteps = (...ids: string[]): Graph => ({
  ...EMPTY_GRAPH,
  nodes: ids.map(id => ({ id, type: 'reply', version: 1, config: {}, position: { x: 0, y: 0 } })),
  notes: [{ id: 'n', text: '', position: { x: 0, y: 0 } }],
})

describe('what is selected', () => {
  it('loses a step that an undo takes away, and keeps what is still there', () => {
    useGraph.getState().open('w', withSteps('a'), 1, false)
    useGraph.getState().change(() => withSteps('a', 'b'))
    useView.getState().select(['a', 'b', 'note:n'])
    useGraph.getState().undo()
    expect(useView.getState().selected).toEqual(['a', 'note:n'])
  })

  it('is left alone by changes of what is selected', () => {
    useGraph.getState().open('w', withSteps('a'), 1, false)
    const selected = ['a']
    useView.getState().select(selected)
    useGraph.getState().change(graph => ({ ...graph, settings: { keep_days: 3 } }))
    expect(useView.getState().selected).toBe(selected)
  })
})
