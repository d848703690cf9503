/** What a registered server listed last, of one kind. */
import { useQuery } from '@tanstack/react-query'
import { useServers } from './tool-fields'

export function useListed<T>(slug: string, kind: string, read: (server: string) => Promise<T[]>) {
  const servers = useServers()
  const server = servers.data?.find(row => row.slug === slug)
  const found = useQuery({
    queryKey: [kind, server?.id],
    queryFn: () => read(server!.id),
    enabled: Boolean(server),
    staleTime: 15_000,
  })
  return {
    server,
    rows: found.data ?? [],
    loading: servers.isPending || (Boolean(server) && found.isPending),
  }
}
