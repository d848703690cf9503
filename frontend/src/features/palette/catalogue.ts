/** What can be added: every kind of step, and every tool of the registered servers. */
import { useQuery } from '@tanstack/react-query'
import { readServers, readTools } from '../../api/requests'
import type { NodeType } from '../../api/types'
import { allNodeTypes, nodeType } from '../../app/store/session'

export type Entry = {
  key: string
  type: NodeType
  title: string
  description: string
  group: string
  words: string
  config?: Record<string, unknown>
  blocked?: boolean
}

const WORDS: Record<string, string> = {
  llm_decision: 'decide route classify llm model ai choose if intent',
  llm_extract: 'extract read parse field llm model ai',
  llm_write: 'write text generate llm model ai draft answer',
  human_handoff: 'human person approval approve ask inbox handoff review',
  condition: 'if branch condition rule switch filter',
  for_each: 'loop for each every list iterate map repeat batch',
  repeat: 'loop repeat until while retry poll again',
  mcp_tool: 'mcp tool call server api action',
  mcp_resource: 'mcp resource read document file record server',
  mcp_prompt: 'mcp prompt template message server',
  watch_trigger: 'watch poll trigger new changed items mcp server listen',
  webhook_trigger: 'webhook trigger http post start',
  tool_trigger: 'mcp tool trigger agent assistant call start offer',
  manual_trigger: 'manual form button trigger start person',
  reply: 'reply answer respond return',
}

export function useEntries(): { entries: Entry[]; loading: boolean } {
  const query = useQuery({ queryKey: ['tools'], queryFn: readEveryTool, staleTime: 30_000 })
  const types = allNodeTypes().map(type => ({
    key: type.name,
    type,
    title: type.title,
    description: type.description,
    group: type.group,
    words: `${type.title} ${type.description} ${WORDS[type.name] ?? ''}`.toLowerCase(),
  }))
  return { entries: [...types, ...(query.data ?? [])], loading: query.isPending }
}

async function readEveryTool(): Promise<Entry[]> {
  const type = nodeType('mcp_tool')
  if (!type) return []
  const servers = await readServers()
  const lists = await Promise.all(
    servers.map(async server => ({ server, tools: await readTools(server.id).catch(() => []) })),
  )
  return lists.flatMap(({ server, tools }) =>
    tools.map(tool => ({
      key: `${server.slug}/${tool.name}`,
      type,
      title: tool.title || tool.name,
      description: tool.description,
      group: server.name,
      words: `${tool.title} ${tool.name} ${tool.description} ${server.name} ${server.slug}`.toLowerCase(),
      config: { server: server.slug, tool: tool.name, arguments: {} },
      blocked: !tool.enabled,
    })),
  )
}

export function matching(entries: Entry[], text: string): Entry[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (!words.length) return entries
  return entries
    .map(entry => ({
      entry,
      points: words.every(word => entry.words.includes(word))
        ? 1 + Number(entry.title.toLowerCase().startsWith(words[0]!))
        : 0,
    }))
    .filter(row => row.points > 0)
    .sort((a, b) => b.points - a.points)
    .map(row => row.entry)
}
