import type { Server } from '~/api/compute';
import type { Network, Port, Router, Subnet } from '~/api/network';

// What the topology shows, from what the APIs tell: things, and how they are joined.

export type Thing =
  | { kind: 'network'; id: string; name: string; network: Network; subnets: Subnet[]; external: boolean }
  | { kind: 'router'; id: string; name: string; router: Router }
  | { kind: 'instance'; id: string; name: string; server: Server };

/** A router on a network by its interfaces or its gateway, or an instance on a network. */
export interface Join {
  id: string;
  kind: 'interface' | 'gateway' | 'instance';
  /** The router or instance. */
  from: string;
  network: string;
  /** Of interfaces and instances; the gateway's port is the cloud's. */
  ports: Port[];
  addresses: string[];
  /** DOWN when no port of it works. */
  up: boolean;
}

export interface Graph {
  things: Map<string, Thing>;
  joins: Join[];
}

export interface Parts {
  networks: Network[];
  subnets: Subnet[];
  routers: Router[];
  servers: Server[];
  ports: Port[];
}

const byName = <T extends { id: string; name: string }>(a: T, b: T): number =>
  a.name.localeCompare(b.name, undefined, { numeric: true }) || a.id.localeCompare(b.id);

/** Instances and router interfaces; ports of the cloud's own services join nothing that is shown. */
const isJoin = (p: Port): boolean =>
  p.device_owner.startsWith('compute:') || p.device_owner.startsWith('network:router_interface');

/** graphOf puts the parts together. What is joined to something that is not there (yet, or any more) is left out. */
export function graphOf(parts: Parts): Graph {
  const things = new Map<string, Thing>();
  for (const network of [...parts.networks].sort(byName)) {
    const subnets = parts.subnets.filter((s) => s.network_id === network.id);
    const external = network['router:external'];
    things.set(network.id, { kind: 'network', id: network.id, name: network.name, network, subnets, external });
  }
  for (const router of [...parts.routers].sort(byName))
    things.set(router.id, { kind: 'router', id: router.id, name: router.name, router });
  for (const server of [...parts.servers].sort(byName))
    things.set(server.id, { kind: 'instance', id: server.id, name: server.name, server });

  const joins = new Map<string, Join>();
  for (const router of parts.routers) {
    const info = router.external_gateway_info;
    if (!info || !things.has(info.network_id)) continue;
    const id = joinId(router.id, info.network_id, 'gateway');
    joins.set(id, {
      id,
      kind: 'gateway',
      from: router.id,
      network: info.network_id,
      ports: [],
      addresses: info.external_fixed_ips.map((ip) => ip.ip_address),
      up: router.status === 'ACTIVE',
    });
  }
  for (const port of parts.ports) {
    if (!isJoin(port) || !things.has(port.network_id)) continue;
    const from = things.get(port.device_id);
    if (!from || from.kind === 'network') continue;
    const kind = from.kind === 'router' ? 'interface' : 'instance';
    const id = joinId(from.id, port.network_id, kind);
    const addresses = port.fixed_ips.map((ip) => ip.ip_address);
    const before = joins.get(id);
    if (before) {
      before.ports.push(port);
      before.addresses.push(...addresses);
      before.up ||= port.status === 'ACTIVE';
    } else {
      joins.set(id, {
        id,
        kind,
        from: from.id,
        network: port.network_id,
        ports: [port],
        addresses,
        up: port.status === 'ACTIVE',
      });
    }
  }
  return { things, joins: [...joins.values()].sort((a, b) => a.id.localeCompare(b.id)) };
}

export const joinId = (from: string, network: string, kind: Join['kind']): string => `${kind} ${from} ${network}`;

export const joinsOf = (graph: Graph, id: string): Join[] =>
  graph.joins.filter((j) => j.from === id || j.network === id);
