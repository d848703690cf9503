import { describe, expect, it, vi } from 'vitest'
import { EMPTY_GRAPH, type Graph } from '../../shared/graph/document'
import { useGraph } from './graph'
import { shownPath, stayAt } from './iterations'
import { useRun } from './run'

vi.mock('../../api/requests', () => ({}))

const place = { version: 1, config: {}, position: { x: 0, y: 0 } }
const graph: Graph = {
  ...EMPTY_GRAPH,
  nodes: [
    { id: 'loop', type: 'for_each', ...place },
    { id: 'call', type: 'mcp_tool', parent: 'loop', ...place },
  ],
}
const begin = (index: number): void =>
  useRun.setState(({ states }) => ({ states: { ...states, [`loop[${index}]/call`]: { status: 'running' } } }))

describe('a step of a loop that goes on', () => {
  it('is shown in the newest iteration, and in the one where somebody chose it', () => {
    useGraph.getState().open('w', graph, 1, true)
    begin(0)
    begin(1)
    expect(shownPath('call')).toBe('loop[1]/call')
    stayAt('call')
    begin(2)
    expect(shownPath('call')).toBe('loop[1]/call')
  })
})
