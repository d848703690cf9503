/** Which iteration of each container is looked at, and the step that each node is in it. */
import { useMemo } from 'react'
import type { Step } from '../../api/types'
import { type Graph, nodeOf } from '../../shared/graph/document'
import { type Iteration, iterationsOf, iterationToShow } from '../../shared/graph/iterations'
import { iterationsAround, nodeOfPath, pathOf } from '../../shared/graph/run-paths'
import { useGraph } from './graph'
import { type StepState, useRun } from './run'
import { nodeType } from './session'

/** The value made last, for as long as what it was made from stays the same objects. */
function latest<Given extends unknown[], Made>(make: (...given: Given) => Made): (...given: Given) => Made {
  let last: { given: Given; made: Made } | undefined
  return (...given) => {
    if (!last?.given.every((value, at) => value === given[at])) last = { given, made: make(...given) }
    return last!.made
  }
}

export const stepsByPath = latest((steps: Step[]) => new Map(steps.map(step => [step.path, step])))

/** A step's path -> its place among all steps, in the order in which they began. */
export const placesOf = latest((steps: Step[]) => new Map(steps.map((step, at) => [step.path, at])))

/** Iterations that a container's own step says have failed. */
const failedOf = latest((steps: Step[]): Record<string, number[]> => {
  const found: Record<string, number[]> = {}
  for (const step of steps) {
    if (!nodeType(step.type)?.is_container) continue
    const failed = (step.output as { failed?: { index: number }[] } | null)?.failed
    const index = step.error?.details.index
    if (Array.isArray(failed)) found[step.path] = failed.map(row => row.index)
    else if (typeof index === 'number') found[step.path] = [index]
  }
  return found
})

const everyIteration = latest((graph: Graph, states: Record<string, StepState>, steps: Step[]) =>
  iterationsOf(graph, states, failedOf(steps)),
)

type RunState = ReturnType<typeof useRun.getState>
const NONE: Iteration[] = []

const iterationsIn = (run: RunState, container: string): Iteration[] =>
  everyIteration(useGraph.getState().graph, run.states, run.steps)[container] ?? NONE

const shownIn = (run: RunState, container: string): number | undefined =>
  run.chosen[container] ?? iterationToShow(iterationsIn(run, container))

const pathIn = (run: RunState, id: string): string | null =>
  Object.keys(run.states).length || run.steps.length
    ? pathOf(useGraph.getState().graph, id, container => shownIn(run, container))
    : null

/** The path of a node's step in the iterations that are looked at. */
export const usePath = (id: string): string | null => useRun(run => pathIn(run, id))

export const shownPath = (id: string): string | null => pathIn(useRun.getState(), id)

/** How a node's step goes in the iterations that are looked at. */
export const useStepState = (id: string): StepState | undefined =>
  useRun(run => run.states[pathIn(run, id) ?? ''])

/** A node's step in the iterations that are looked at. */
export const useStep = (id: string | undefined): Step | undefined =>
  useRun(run => (id ? stepsByPath(run.steps).get(pathIn(run, id) ?? '') : undefined))

const shownSteps = latest((graph: Graph, run: RunState) => {
  const steps = stepsByPath(run.steps)
  return run.steps.length ? graph.nodes.flatMap(node => steps.get(pathIn(run, node.id) ?? '') ?? []) : []
})

/** The steps that are looked at, one for each node that has one. */
export function useShownSteps(): Step[] {
  const graph = useGraph(store => store.graph)
  return useRun(run => shownSteps(graph, run))
}

/** The element and its place that the iteration had which is looked at in a container, or in one around it. */
export function useRound(container: string | null): { item?: unknown; index?: number } {
  const path = usePath(container ?? '')
  const index = useRun(run => (container && path ? shownIn(run, path) : undefined))
  const item = useRun(run => (path && index !== undefined ? elementOf(run, path, index) : undefined))
  return useMemo(() => ({ item, index }), [item, index])
}

/** What a list gave to an iteration; in a loop without a list, what the loop around it got. */
function elementOf(run: RunState, path: string, index: number): unknown {
  const items = itemsOf(stepsByPath(run.steps).get(path))
  if (items) return items[index]
  const around = iterationsAround(path).at(-1)
  return around && elementOf(run, around.container, around.index)
}

export type Rounds = {
  iterations: Iteration[]
  shown: number | undefined
  /** How many there will be, where that is known. */
  total: number | undefined
}

/** The iterations of a container, by the path of its step. */
export function useRounds(container: string): Rounds {
  const iterations = useRun(run => iterationsIn(run, container))
  const shown = useRun(run => shownIn(run, container))
  const total = useRun(run => itemsOf(stepsByPath(run.steps).get(container))?.length)
  return { iterations, shown, total }
}

function itemsOf(step: Step | undefined): unknown[] | undefined {
  const items = (step?.input as { items?: unknown } | null | undefined)?.items
  return Array.isArray(items) ? items : undefined
}

/** Stay with the iterations that a node's step is shown in, also when newer ones begin. */
export function stayAt(id: string): void {
  const path = shownPath(id)
  if (path) useRun.getState().lookAt(path)
}

/** Look at a step: its iterations, and itself among the nodes; tells the node that the graph has for it. */
export function lookAtStep(path: string): string | null {
  const node = nodeOfPath(path)
  if (!nodeOf(useGraph.getState().graph, node)) return null
  useRun.getState().lookAt(path)
  return node
}
