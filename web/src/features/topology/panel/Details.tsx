import type { Graph } from '../graph';
import type { Connections } from '../useConnections';
import { InstanceDetails } from './InstanceDetails';
import { JoinDetails } from './JoinDetails';
import { NetworkDetails } from './NetworkDetails';
import { RouterDetails } from './RouterDetails';

interface Props {
  graph: Graph;
  selected: string;
  connections: Connections;
  select(id: string): void;
}

/** What is selected: its facts, the way to its page, and what is done most often to it. */
export function Details({ graph, selected, connections, select }: Props) {
  const join = graph.joins.find((j) => j.id === selected);
  if (join) return <JoinDetails graph={graph} join={join} connections={connections} select={select} />;
  const thing = graph.things.get(selected);
  if (thing?.kind === 'instance') return <InstanceDetails server={thing.server} graph={graph} select={select} />;
  if (thing?.kind === 'router')
    return <RouterDetails router={thing.router} graph={graph} connections={connections} select={select} />;
  if (thing?.kind === 'network')
    return <NetworkDetails thing={thing} graph={graph} connections={connections} select={select} />;
  return null;
}
