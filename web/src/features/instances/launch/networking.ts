import type { Network, Port, SecurityGroup, Subnet } from '~/api/network';
import { address, inside, say } from '~/ui/rules';
import type { NIC } from './values';

/** Why a server cannot have an interface in a network: a word of `unfitNetwork`. */
export type Unfit = 'noSubnet' | 'external';

export function unfitOf(network: Network, project: string, isAdmin: boolean): Unfit | undefined {
  if (network['router:external'] && !network.shared && !isAdmin && network.project_id !== project) return 'external';
  return network.subnets.length === 0 ? 'noSubnet' : undefined;
}

const usable = (networks: Network[]) => networks.filter((n) => !n['router:external'] && n.subnets.length > 0);

/** ownNetworks are those of the project in which servers commonly are. */
export const ownNetworks = (networks: Network[], project: string): Network[] =>
  usable(networks).filter((n) => n.project_id === project);

/**
 * autoNetwork is what the API takes for `auto`: the only network of the project, else the only one that is shared, else none.
 * More than one is refused.
 */
export function autoNetwork(networks: Network[], project: string): Network | 'none' | 'ambiguous' {
  const all = usable(networks);
  for (const found of [
    all.filter((n) => n.project_id === project),
    all.filter((n) => n.shared && n.project_id !== project),
  ]) {
    if (found.length > 1) return 'ambiguous';
    if (found[0]) return found[0];
  }
  return 'none';
}

/** freePorts are ports that a server can take: no device has them. */
export const freePorts = (ports: Port[], project: string): Port[] =>
  ports.filter((p) => p.project_id === project && !p.device_id && !p.device_owner);

/** addressProblem checks the fixed address of a new port: it must lie in a subnet of the network. */
export function addressProblem(nic: NIC, subnets: Subnet[]): string | undefined {
  const value = nic.address.trim();
  if (!value || nic.kind === 'port') return undefined;
  const wrong = address(value);
  if (wrong) return wrong;
  const ranges = subnets.filter((s) => s.network_id === nic.id).map((s) => s.cidr);
  if (ranges.length === 0 || ranges.some((range) => inside(range)(value) === undefined)) return undefined;
  return say('inside', { range: ranges.join(', ') });
}

/** moved is the list with one thing a place further up or down. */
export function moved<T>(list: T[], from: number, by: -1 | 1): T[] {
  const next = [...list];
  const [one] = next.splice(from, 1);
  if (one !== undefined) next.splice(from + by, 0, one);
  return next;
}

const knocks = {
  ssh: { protocols: [null, 'any', 'tcp', '6'], covers: (min: number, max: number) => min <= 22 && 22 <= max },
  // Where a rule is for ICMP, its first port field is the type: 8 and 128 ask for an echo.
  ping: {
    protocols: [null, 'any', 'icmp', '1', 'ipv6-icmp', 'icmpv6', '58'],
    covers: (min: number) => min === 8 || min === 128,
  },
};

/** lets tells whether security groups let strangers in by SSH or let them ping. Members of a group are no strangers. */
export function lets(groups: SecurityGroup[], what: keyof typeof knocks): boolean {
  const { protocols, covers } = knocks[what];
  return groups.some((g) =>
    g.security_group_rules.some(
      (r) =>
        r.direction === 'ingress' &&
        !r.remote_group_id &&
        protocols.includes(r.protocol) &&
        (r.port_range_min === null || covers(r.port_range_min, r.port_range_max ?? r.port_range_min)),
    ),
  );
}
