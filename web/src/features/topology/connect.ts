import { overlap } from '~/ui/subnetRules';
import type { Graph, Thing } from './graph';

/** Why two things cannot be joined: a word of `refused`. */
export type Refusal =
  | 'same'
  | 'networks'
  | 'routers'
  | 'instance'
  | 'noSubnets'
  | 'joined'
  | 'overlap'
  | 'gatewayAlready'
  | 'gone';

/** What a drag from one thing to another, or a choice from a menu, is to do. */
export type Connection =
  | { do: 'gateway'; router: string; network: string; replaces: boolean }
  | { do: 'interface'; router: string; network: string; subnets: string[] }
  | { do: 'refuse'; why: Refusal };

const refuse = (why: Refusal): Connection => ({ do: 'refuse', why });

/** connectionOf tells what joining two things means, whichever of them the drag began at. */
export function connectionOf(graph: Graph, a: string, b: string): Connection {
  const [one, other] = [graph.things.get(a), graph.things.get(b)];
  if (!one || !other) return refuse('gone');
  if (one === other) return refuse('same');
  const [router, network] = one.kind === 'router' ? [one, other] : [other, one];
  if (one.kind === 'instance' || other.kind === 'instance') return refuse('instance');
  if (router.kind !== 'router') return refuse('networks');
  if (network.kind !== 'network') return refuse('routers');
  if (network.external) {
    const now = router.router.external_gateway_info?.network_id;
    if (now === network.id) return refuse('gatewayAlready');
    return { do: 'gateway', router: router.id, network: network.id, replaces: now !== undefined };
  }
  return interfaceOf(graph, router.id, network);
}

/** interfaceOf finds the subnets of a network that a router can be joined to: ranges of one router do not overlap. */
function interfaceOf(graph: Graph, router: string, network: Extract<Thing, { kind: 'network' }>): Connection {
  if (network.subnets.length === 0) return refuse('noSubnets');
  const legs = graph.joins.filter((j) => j.kind === 'interface' && j.from === router);
  const joined = new Set(legs.flatMap((j) => j.ports.flatMap((p) => p.fixed_ips.map((ip) => ip.subnet_id))));
  const open = network.subnets.filter((s) => !joined.has(s.id));
  if (open.length === 0) return refuse('joined');
  const ranges = [...graph.things.values()].flatMap((t) =>
    t.kind === 'network' ? t.subnets.filter((s) => joined.has(s.id)).map((s) => s.cidr) : [],
  );
  const free = open.filter((s) => !ranges.some((range) => overlap(range, s.cidr)));
  if (free.length === 0) return refuse('overlap');
  return { do: 'interface', router, network: network.id, subnets: free.map((s) => s.id) };
}
