import { describe, expect, it } from 'vitest'
import { EMPTY_GRAPH, type Graph } from './document'
import { refusedProblem } from './malformed'

const graph: Graph = {
  ...EMPTY_GRAPH,
  nodes: [{ id: 'start', type: 'manual_trigger', version: 1, config: {}, position: { x: 0, y: 0 } }],
}

describe('a graph that the server refuses', () => {
  it('is a problem of the step that the path leads to', () => {
    const problem = refusedProblem(graph, 'graph_malformed', 'Too long.', 'nodes/0/settings/timeout_s')
    expect(problem).toMatchObject({ node: 'start', field: 'settings/timeout_s', severity: 'error' })
    expect(problem.message).toContain('Too long.')
  })

  it('is a problem of the workflow elsewhere', () => {
    expect(refusedProblem(graph, 'x', 'No.', 'settings/keep_days')).toMatchObject({
      node: null,
      field: 'settings/keep_days',
    })
    expect(refusedProblem(graph, 'x', 'No.', '')).toMatchObject({ node: null, field: null })
  })
})
