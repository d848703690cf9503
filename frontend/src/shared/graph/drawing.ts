/** Small graphs for tests, drawn with words. */
import type { NodeType } from '../../api/types'
import type { Graph, GraphNode } from './document'
import type { Types } from './nesting'

export const BARE: NodeType = {
  name: 'set_values',
  version: 1,
  title: 'Set values',
  description: '',
  group: 'Data',
  icon: '',
  summary: '',
  is_trigger: false,
  is_end: false,
  is_container: false,
  expands: false,
  ports: [{ name: 'out' }],
  has_error_port: true,
  config: {},
  default_config: {},
  settings: [],
}

const KINDS: Record<string, Partial<NodeType>> = {
  set_values: {},
  for_each: { title: 'For each', is_container: true },
  manual_trigger: { is_trigger: true, has_error_port: false },
}

export const types: Types = name => (KINDS[name] ? { ...BARE, ...KINDS[name], name } : undefined)

/**
 * "a>b>c" and "a.yes>b", separated by commas; "loop/x" is x in the container loop, "!t" a trigger.
 *
 * Nodes stand 400 apart in the order of their first mention, those in a container from its corner on.
 */
export function aGraph(text: string): Graph {
  const nodes = new Map<string, GraphNode>()
  const edges: Graph['edges'] = []
  const add = (id: string, type: string, parent?: string): void => {
    const known = nodes.get(id)
    if (known && type === 'for_each') known.type = type
    if (known) return
    const around = parent ? nodes.get(parent)!.position : { x: -400, y: 0 }
    const beside = [...nodes.values()].filter(node => node.parent === parent).length
    const position = parent
      ? { x: around.x + 40 + beside * 400, y: around.y + 92 }
      : { x: beside * 400, y: 0 }
    nodes.set(id, { id, type, version: 1, config: {}, position, ...(parent ? { parent } : {}) })
  }
  const place = (word: string): string => {
    const parts = word.split('/')
    const id = parts.at(-1)!.replace('!', '')
    for (const [at, container] of parts.slice(0, -1).entries()) add(container, 'for_each', parts[at - 1])
    add(id, word.includes('!') ? 'manual_trigger' : 'set_values', parts.at(-2))
    return id
  }
  for (const chain of text.split(',')) {
    let before: [string, string] | undefined
    for (const part of chain.trim().split('>')) {
      const [word, port] = part.split('.')
      const target = place(word!)
      if (before) edges.push({ source: before[0], port: before[1], target })
      before = [target, port ?? 'out']
    }
  }
  return { schema: 1, settings: {}, nodes: [...nodes.values()], edges, notes: [] }
}
