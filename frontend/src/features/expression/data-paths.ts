/** What earlier steps give, as a list of paths that an expression can read. */
import type { Described, Schema, Step } from '../../api/types'
import { nodeType } from '../../app/store/session'
import type { Graph } from '../../shared/graph/document'

export type DataPath = {
  path: string
  label: string
  source: string
  kind: string
  depth: number
  last?: unknown
}

const MAX_DEPTH = 4
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

/** Groups in the order in which a run reaches them: the trigger, then the steps before this one. */
export function dataGroups(
  graph: Graph,
  node: string,
  described: Record<string, Described>,
  steps: Step[],
): { title: string; group: string; icon: string; paths: DataPath[] }[] {
  const own = described[node]
  if (!own) return []
  const last = new Map(steps.map(step => [step.node, step.output]))
  const groups = []
  for (const id of own.before) {
    const other = graph.nodes.find(item => item.id === id)
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

/** "Find the number › Order number" for a part that is a plain path; the expression itself otherwise. */
export function pillText(expression: string, graph: Graph): { text: string; known: boolean } {
  const plain = expression.trim()
  const found =
    /^(trigger|steps\.\??([a-z][a-z0-9_]*)|run|workspace|vars|errors\.([a-z][a-z0-9_]*))((?:\.\??[\w]+|\[.*?\])*)$/.exec(
      plain,
    )
  if (!found) return { text: plain, known: true }
  const rest = (found[4] ?? '').replace(/^\.\??/, '').replace(/\.\??/g, ' › ')
  const id = found[2] ?? found[3]
  const node = id ? graph.nodes.find(item => item.id === id) : undefined
  if (id && !node) return { text: plain, known: false }
  const source = id
    ? `${node!.title || nodeType(node!.type)?.title || id}${found[3] ? ' (failure)' : ''}`
    : found[1] === 'trigger'
      ? 'Trigger'
      : found[1]!
  return { text: rest ? `${source} › ${rest.replace(/_/g, ' ')}` : source, known: true }
}
