import type { Flavor, KeyPair, Server } from '~/api/compute';
import type { Image } from '~/api/image';
import type { FloatingIP, Network, Port, Router, SecurityGroup, SecurityGroupRule } from '~/api/network';

/** What is there, as far as it is known; undefined is not known yet. */
export interface There {
  images?: Image[];
  flavors?: Flavor[];
  networks?: Network[];
  routers?: Router[];
  interfaces?: Port[];
  groups?: SecurityGroup[];
  keyPairs?: KeyPair[];
  servers?: Server[];
  floatingIPs?: FloatingIP[];
}

export interface Step {
  id: 'image' | 'flavor' | 'external' | 'network' | 'router' | 'rules' | 'key' | 'instance' | 'floating';
  /** Undefined while it is not known. */
  done?: boolean;
  /** Only an administrator can do it. */
  admin?: boolean;
  /** The page that does it. */
  to: string;
}

const some = <T>(list: T[] | undefined, is: (item: T) => boolean): boolean | undefined => list?.some(is);

/** letsIn tells whether a rule lets everybody in by a protocol, and a port if there are any. */
export function letsIn(rule: SecurityGroupRule, protocol: 'tcp' | 'icmp', port?: number): boolean {
  if (rule.direction !== 'ingress' || rule.ethertype !== 'IPv4' || rule.remote_group_id) return false;
  const same =
    rule.protocol === null || rule.protocol === protocol || rule.protocol === (protocol === 'tcp' ? '6' : '1');
  if (!same) return false;
  if (port === undefined || rule.port_range_min === null) return true;
  return rule.port_range_min <= port && port <= (rule.port_range_max ?? rule.port_range_min);
}

/** stepsOf are the first steps in a cloud, in their order, and which of them are done already, whoever did them. */
export function stepsOf(there: There, project: string): Step[] {
  const own = (item: { project_id: string }) => item.project_id === project;
  const rules = there.groups?.flatMap((g) => g.security_group_rules);
  const joined = there.routers?.some(
    (r) => own(r) && r.external_gateway_info && there.interfaces?.some((p) => p.device_id === r.id),
  );
  return [
    { id: 'image', done: some(there.images, (i) => i.status === 'active'), to: '/images' },
    { id: 'flavor', done: some(there.flavors, () => true), admin: true, to: '/flavors' },
    { id: 'external', done: some(there.networks, (n) => n['router:external']), admin: true, to: '/networks' },
    {
      id: 'network',
      done: some(there.networks, (n) => own(n) && !n['router:external'] && n.subnets.length > 0),
      to: '/networks',
    },
    { id: 'router', done: there.interfaces && joined, to: '/routers' },
    {
      id: 'rules',
      done: rules?.some((r) => letsIn(r, 'tcp', 22)) && rules.some((r) => letsIn(r, 'icmp')),
      to: '/security-groups',
    },
    { id: 'key', done: some(there.keyPairs, () => true), to: '/keypairs' },
    { id: 'instance', done: some(there.servers, (s) => s.status !== 'ERROR'), to: '/instances/launch' },
    { id: 'floating', done: some(there.floatingIPs, (f) => f.port_id !== null), to: '/floating-ips' },
  ];
}
