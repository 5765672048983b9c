import type { InstanceAction, Server } from '~/api/compute';

/** Each of these is one more question, so they are few. */
const mostServers = 5;
const mostActions = 8;

/** newestServers are those that changed last. */
export const newestServers = (servers: Server[]): Server[] =>
  [...servers].sort((a, b) => b.updated.localeCompare(a.updated)).slice(0, mostServers);

/** newestActions puts the actions of servers in one row, the newest first; lists are in the servers' order. */
export const newestActions = (
  servers: Server[],
  lists: InstanceAction[][],
): { server: Server; action: InstanceAction }[] =>
  servers
    .flatMap((server, i) => (lists[i] ?? []).map((action) => ({ server, action })))
    .sort((a, b) => b.action.start_time.localeCompare(a.action.start_time))
    .slice(0, mostActions);
