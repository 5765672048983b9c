import type { Flavor, KeyPair, Server } from '~/api/compute';
import type { Image } from '~/api/image';
import type { FloatingIP, Network, Port, Router, SecurityGroup, SecurityGroupRule, Subnet } from '~/api/network';

/** What a project has of what a first instance needs; undefined where it is not known yet. */
export interface Have {
  images?: Image[];
  flavors?: Flavor[];
  networks?: Network[];
  subnets?: Subnet[];
  routers?: Router[];
  /** Ports of routers on subnets. */
  interfaces?: Port[];
  groups?: SecurityGroup[];
  keys?: KeyPair[];
  servers?: Server[];
  floatingIPs?: FloatingIP[];
}

export type StepId =
  | 'image'
  | 'flavor'
  | 'external'
  | 'network'
  | 'router'
  | 'rules'
  | 'key'
  | 'instance'
  | 'floatingip';

export interface Step {
  id: StepId;
  /** Where it is done. */
  to: string;
  /** Only administrators can do it. */
  adminOnly?: boolean;
  /** Undefined while it is not known. */
  done: boolean | undefined;
}

const isProtocol = (rule: SecurityGroupRule, ...names: string[]): boolean =>
  rule.protocol === null || names.includes(rule.protocol);

/** Rules that let anybody in; those for members of a group do not let the user in. */
const opens = (groups: SecurityGroup[], wanted: (rule: SecurityGroupRule) => boolean): boolean =>
  groups.some((g) =>
    g.security_group_rules.some((r) => r.direction === 'ingress' && r.remote_group_id === null && wanted(r)),
  );

export const opensSSH = (groups: SecurityGroup[]): boolean =>
  opens(
    groups,
    (r) => isProtocol(r, 'tcp', '6') && (r.port_range_min ?? 0) <= 22 && 22 <= (r.port_range_max ?? 65_535),
  );

/** Echo requests have ICMP type 8, which rules have in the place of the first port. */
export const opensPing = (groups: SecurityGroup[]): boolean =>
  opens(
    groups,
    (r) => isProtocol(r, 'icmp', '1') && (r.protocol === null || r.port_range_min === null || r.port_range_min === 8),
  );

/** stepsOf is the way to a first instance that can be reached, and how much of it is there. */
export function stepsOf(have: Have): Step[] {
  const { networks, subnets, routers, interfaces, groups } = have;
  const some = (list: unknown[] | undefined) => list && list.length > 0;
  const inner = networks?.filter((n) => !n['router:external']);
  const ways = routers?.filter((r) => r.external_gateway_info);
  return [
    { id: 'image', to: '/images', done: some(have.images?.filter((i) => i.status === 'active')) },
    { id: 'flavor', to: '/flavors', adminOnly: true, done: some(have.flavors) },
    {
      id: 'external',
      to: '/admin/networks',
      adminOnly: true,
      done: some(networks?.filter((n) => n['router:external'])),
    },
    {
      id: 'network',
      to: '/networks',
      done: inner && some(subnets?.filter((s) => inner.some((n) => n.id === s.network_id))),
    },
    {
      id: 'router',
      to: '/routers',
      done: ways && some(interfaces?.filter((p) => ways.some((r) => r.id === p.device_id))),
    },
    { id: 'rules', to: '/security-groups', done: groups && opensSSH(groups) && opensPing(groups) },
    { id: 'key', to: '/keypairs', done: some(have.keys) },
    { id: 'instance', to: '/instances/launch', done: some(have.servers) },
    { id: 'floatingip', to: '/floating-ips', done: some(have.floatingIPs?.filter((f) => f.port_id)) },
  ];
}
