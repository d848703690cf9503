/** The exits of a node, told by its type's rules and its config. */
import type { NodeType, PortRule } from '../../api/types'
import type { Graph, GraphNode } from './document'
import { replaceParts } from './templates'

export type Port = { name: string; title: string; takable: boolean; kind: 'choice' | 'plain' | 'error' }

function holds(value: unknown, path: string[]): boolean {
  if (Array.isArray(value)) return value.some(item => holds(item, path))
  if (path.length === 0) return value !== null && value !== undefined && value !== '' && value !== 0
  if (typeof value !== 'object' || value === null) return false
  return holds((value as Record<string, unknown>)[path[0]!], path.slice(1))
}

function expand(rule: PortRule, config: Record<string, unknown>): Port[] {
  if (rule.each) {
    const rows = config[rule.each]
    if (!Array.isArray(rows)) return []
    return rows
      .filter(row => typeof row?.id === 'string')
      .map(row => ({ name: row.id, title: row.title || row.id, takable: true, kind: 'choice' as const }))
  }
  const takable = !rule.needs?.length || rule.needs.some(path => holds(config, path.split('.')))
  return [{ name: rule.name ?? 'out', title: rule.title ?? '', takable, kind: 'plain' }]
}

const PASSED_OVER: Port = { name: 'out', title: 'out (passed over)', takable: true, kind: 'plain' }

/** Ports to draw: those that can be taken, those in use, and `error` last. A step that is off is left by `out`, whatever its type. */
export function portsOf(node: GraphNode, type: NodeType | undefined, graph: Graph): Port[] {
  if (!type) return []
  const used = new Set(graph.edges.filter(edge => edge.source === node.id).map(edge => edge.port))
  const ports = type.ports
    .flatMap(rule => expand(rule, node.config))
    .filter(port => port.takable || used.has(port.name))
  // A line that was drawn while the step was off needs its place until someone deletes it.
  if ((node.settings?.disabled || used.has('out')) && !ports.some(port => port.name === 'out'))
    ports.unshift(PASSED_OVER)
  if (type.has_error_port) ports.push({ name: 'error', title: 'If it fails', takable: true, kind: 'error' })
  return ports
}

/** The exit that stands beside the head: the only one, and on a frame the one for when all is well. */
export function portBeside(type: NodeType | undefined, ports: Port[]): string | null {
  const plain = ports.filter(port => port.kind !== 'error')
  return plain[0]?.name === 'out' && (plain.length === 1 || type?.is_container) ? 'out' : null
}

const shown = (value: unknown): string =>
  typeof value === 'string' ? replaceParts(value, (_, expression) => `‹${expression.trim()}›`) : ''

/** "{server} · {tool}" with the config's values; the description where nothing is filled in. */
export function summaryOf(node: GraphNode, type: NodeType | undefined): string {
  if (!type) return node.type
  const filled = type.summary.replace(/\{(\w+)\}/g, (_, name: string) => shown(node.config[name]))
  if (type.is_container) {
    if (shown(node.config.items)) return `Each of ${shown(node.config.items)}`
    if (shown(node.config.until)) return `Until ${shown(node.config.until)}`
  }
  const clean = filled.replace(/^[\s·]+|[\s·]+$/g, '').trim()
  if (clean && clean !== 'Ends as') return clean
  const fields = node.config.fields ?? node.config.values ?? node.config.branches
  if (Array.isArray(fields) && fields.length) return fields.map(row => row.title || row.id).join(', ')
  if (typeof node.config.for_s === 'number') return durationWords(node.config.for_s)
  return type.description
}

export function durationWords(seconds: number): string {
  const units: [number, string][] = [
    [86400, 'day'],
    [3600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ]
  for (const [size, word] of units) {
    if (seconds >= size && seconds % size === 0) {
      const count = seconds / size
      return `${count} ${word}${count === 1 ? '' : 's'}`
    }
  }
  return `${seconds} seconds`
}
