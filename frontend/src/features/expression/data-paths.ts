/** What earlier steps give, as a list of paths that an expression can read. */
import type { Described, Schema, Step } from '../../api/types'
import { nodeType } from '../../app/store/session'
import { type Graph, nodeOf } from '../../shared/graph/document'
import { parentOf } from '../../shared/graph/nesting'

export type DataPath = {
  path: string
  label: string
  source: string
  kind: string
  depth: number
  last?: unknown
}

const MAX_DEPTH = 4
const ROOTS: Record<string, string> = {
  trigger: 'Trigger',
  item: 'Element',
  result: 'Result',
  index: 'Number of the iteration',
}
const PLAIN = /^[a-zA-Z_][a-zA-Z0-9_]*$/

const member = (base: string, name: string): string =>
  PLAIN.test(name) ? `${base}.${name}` : `${base}[${JSON.stringify(name)}]`

function resolve(schema: Schema, root: Schema): Schema {
  let current = schema
  for (let step = 0; step < 10; step += 1) {
    if (current.$ref?.startsWith('#/$defs/')) current = root.$defs?.[current.$ref.slice(8)] ?? {}
    else {
      const real = (current.anyOf ?? current.oneOf ?? []).filter(option => option.type !== 'null')
      if (real.length !== 1) return current
      current = real[0]!
    }
  }
  return current
}

export function kindOf(schema: Schema): string {
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter(
    type => type && type !== 'null',
  )
  const words: Record<string, string> = {
    string: 'text',
    number: 'number',
    integer: 'number',
    boolean: 'yes/no',
    array: 'list',
    object: 'object',
  }
  return words[types[0] ?? ''] ?? (schema.properties ? 'object' : 'any')
}

function* walk(
  schema: Schema | null,
  base: string,
  label: string,
  source: string,
  root: Schema,
  last: unknown,
  depth = 0,
): Generator<DataPath> {
  const real = resolve(schema ?? {}, root)
  yield { path: base, label, source, kind: kindOf(real), depth, last }
  if (depth >= MAX_DEPTH) return
  const known = real.properties ?? {}
  const seen =
    last && typeof last === 'object' && !Array.isArray(last) ? (last as Record<string, unknown>) : {}
  const names = [...new Set([...Object.keys(known), ...Object.keys(seen).filter(() => !real.properties)])]
  for (const name of names.slice(0, 60))
    yield* walk(
      known[name] ?? {},
      member(base, name),
      known[name]?.title ?? name,
      source,
      root,
      seen[name],
      depth + 1,
    )
}

export type DataGroup = { title: string; group: string; icon: string; paths: DataPath[] }

/** What a field reads: what its step may, in a loop's fields over its body what is known as an iteration ends, or names
 * of its own. */
export type Scope = 'step' | 'body' | `own:${string}`

/**
 * Groups by nearness: what the loop around gives, the steps in the body, then those before in the order of a run.
 *
 * steps   those of the last run that are looked at, one for each node
 * round   the element and its place that the last run had in the iteration that is looked at
 */
export function dataGroups(
  graph: Graph,
  node: string,
  described: Record<string, Described>,
  steps: Step[],
  scope: Scope = 'step',
  round: { item?: unknown; index?: number } = {},
): DataGroup[] {
  const own = described[node]
  if (!own) return []
  if (scope.startsWith('own:')) return ownGroups(graph, node, own.names?.[scope.slice(4)] ?? {})
  const last = new Map(steps.map(step => [step.node, step.output]))
  const groups = loopGroup(graph, scope === 'body' ? node : parentOf(graph, node), described, round)
  for (const id of scope === 'body' ? [...own.inside, ...own.before] : own.before) {
    const other = nodeOf(graph, id)
    const type = nodeType(other?.type)
    if (!other || !type) continue
    const title = other.title || type.title
    const base = type.is_trigger ? 'trigger' : `steps.${id}`
    const schema = type.is_trigger ? own.trigger : (described[id]?.output ?? null)
    const paths = [...walk(schema, base, title, title, schema ?? {}, last.get(id))].slice(1)
    groups.push({
      title,
      group: type.group,
      icon: type.icon,
      paths: paths.length
        ? paths
        : [{ path: base, label: 'Everything', source: title, kind: 'any', depth: 1 }],
    })
  }
  groups.push({
    title: 'This run',
    group: 'Answer',
    icon: 'clock',
    paths: [
      { path: 'run.id', label: 'Id of the run', source: 'Run', kind: 'text', depth: 1 },
      { path: 'run.started_at', label: 'Started at', source: 'Run', kind: 'text', depth: 1 },
      { path: 'run.workflow.name', label: 'Name of the workflow', source: 'Run', kind: 'text', depth: 1 },
    ],
  })
  return groups
}

const OWN_TITLES: Record<string, string> = { result: 'What the tool gives', item: 'Each item' }

/** Names that a trigger reads before there is a run. */
function ownGroups(graph: Graph, node: string, names: Record<string, Schema>): DataGroup[] {
  const type = nodeType(nodeOf(graph, node)?.type)
  return Object.entries(names).map(([name, schema]) => ({
    title: OWN_TITLES[name] ?? name,
    group: type?.group ?? '',
    icon: type?.icon ?? '',
    paths: [...walk(schema, name, 'Everything', OWN_TITLES[name] ?? name, schema, undefined)],
  }))
}

/** What a loop gives to each of its iterations. */
function loopGroup(
  graph: Graph,
  container: string | null,
  described: Record<string, Described>,
  round: { item?: unknown; index?: number },
): DataGroup[] {
  const node = nodeOf(graph, container)
  const type = nodeType(node?.type)
  if (!node || !type) return []
  const { item } = described[node.id] ?? { item: null }
  const source = 'This iteration'
  const index = {
    path: 'index',
    label: 'Number of the iteration, from 0',
    source,
    kind: 'number',
    depth: 1,
    last: round.index,
  }
  const items = item ? [...walk(item, 'item', 'Element', source, item, round.item, 1)] : []
  return [
    {
      title: `Each time in ${node.title || type.title}`,
      group: type.group,
      icon: type.icon,
      paths: [...items, index],
    },
  ]
}

/** "Find the number › Order number" for a part that is a plain path; the expression itself otherwise. */
export function pillText(expression: string, graph: Graph): { text: string; known: boolean } {
  const plain = expression.trim()
  const found =
    /^(trigger|item|index|result|steps\.\??([a-z][a-z0-9_]*)|run|workspace|vars|errors\.([a-z][a-z0-9_]*))((?:\.\??[\w]+|\[.*?\])*)$/.exec(
      plain,
    )
  if (!found) return { text: plain, known: true }
  const rest = (found[4] ?? '').replace(/^\.\??/, '').replace(/\.\??/g, ' › ')
  const id = found[2] ?? found[3]
  const node = id ? nodeOf(graph, id) : undefined
  if (id && !node) return { text: plain, known: false }
  const source = id
    ? `${node!.title || nodeType(node!.type)?.title || id}${found[3] ? ' (failure)' : ''}`
    : (ROOTS[found[1]!] ?? found[1]!)
  return { text: rest ? `${source} › ${rest.replace(/_/g, ' ')}` : source, known: true }
}
