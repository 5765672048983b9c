import { useMemo } from 'react';
import { useServers } from '~/api/compute';
import { useNetworks, usePorts, useRouters, useSubnets } from '~/api/network';
import { useSession } from '~/app/useSession';
import { type Graph, graphOf } from './graph';

export interface Topology {
  graph: Graph | undefined;
  error: unknown;
  isFetching: boolean;
  refetch(): Promise<unknown>;
}

/** useTopology is what the project has, as a graph that follows the cloud. */
export function useTopology(): Topology {
  const { projectId } = useSession();
  const networks = useNetworks(projectId);
  const subnets = useSubnets();
  const routers = useRouters(projectId);
  const servers = useServers();
  const ports = usePorts({ project_id: projectId });
  const queries = [networks, subnets, routers, servers, ports];
  const [n, s, r, i, p] = [networks.data, subnets.data, routers.data, servers.data, ports.data];
  const graph = useMemo(
    () => n && s && r && i && p && graphOf({ networks: n, subnets: s, routers: r, servers: i, ports: p }),
    [n, s, r, i, p],
  );
  return {
    graph,
    error: queries.find((q) => q.error && !q.data)?.error ?? null,
    isFetching: queries.some((q) => q.isFetching),
    refetch: () => Promise.all(queries.map((q) => q.refetch())),
  };
}
