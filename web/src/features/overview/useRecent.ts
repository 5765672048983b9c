import { useQueries } from '@tanstack/react-query';
import { type InstanceAction, type Server, serverActions } from '~/api/compute';

export interface Recent extends InstanceAction {
  server: Server;
}

/** So many servers are looked at: those that changed last. */
const looked = 5;
const shown = 8;

/** useRecent are the newest actions on the servers that changed last; undefined while they are not known, null when they could not be had. */
export function useRecent(servers: Server[]): Recent[] | null | undefined {
  const newest = [...servers].sort((a, b) => b.updated.localeCompare(a.updated)).slice(0, looked);
  const found = useQueries({
    queries: newest.map((s) => ({ queryKey: ['server', s.id, 'actions'], queryFn: () => serverActions(s.id) })),
  });
  if (found.some((q) => q.isPending)) return undefined;
  if (found.length > 0 && found.every((q) => q.isError)) return null;
  return found
    .flatMap((q, i) => (q.data ?? []).map((action) => ({ ...action, server: newest[i] as Server })))
    .sort((a, b) => b.start_time.localeCompare(a.start_time))
    .slice(0, shown);
}
