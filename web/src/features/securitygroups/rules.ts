import ipaddr from 'ipaddr.js';
import type { SecurityGroupRule } from '~/api/network';
import { parseAddress } from '~/ui/address';
import { type Rule, say } from '~/ui/rules';
import { linesOf, networkOf, parseRange } from '~/ui/subnetRules';

/** What a rule allows, without where it is: as the API takes it. */
export type RuleSpec = Pick<
  SecurityGroupRule,
  'direction' | 'ethertype' | 'protocol' | 'port_range_min' | 'port_range_max' | 'remote_ip_prefix' | 'remote_group_id'
> &
  Partial<Pick<SecurityGroupRule, 'remote_address_group_id'>>;

/** Names that the API knows, with their numbers (RFC 5237). */
export const protocols: Record<string, number> = {
  ah: 51,
  dccp: 33,
  egp: 8,
  esp: 50,
  gre: 47,
  icmp: 1,
  igmp: 2,
  ipip: 4,
  'ipv6-encap': 41,
  'ipv6-frag': 44,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  'ipv6-route': 43,
  ospf: 89,
  pgm: 113,
  rsvp: 46,
  sctp: 132,
  tcp: 6,
  udp: 17,
  udplite: 136,
  vrrp: 112,
};

const number = (protocol: string | null): number | null => {
  if (!protocol || protocol === 'any') return null;
  return (protocol === 'icmpv6' ? 58 : protocols[protocol]) ?? Number(protocol);
};

const withPorts = [33, 132, 6, 17, 136];
const ipv6Only = [41, 43, 44, 58, 59, 60];

export type PortKind = 'ports' | 'icmp' | 'none';

/** portKind tells what stands in the two port fields of a rule: ports, the type and code of ICMP, or nothing. */
export function portKind(protocol: string | null): PortKind {
  const n = number(protocol);
  if (n === null) return 'none';
  if (withPorts.includes(n)) return 'ports';
  return n === 1 || n === 58 ? 'icmp' : 'none';
}

export interface Template {
  id: string;
  protocol: string | null;
  port?: number;
}

/** Kinds of traffic that people mean when they make a rule. `allICMP` and `ping` become ICMPv6 in IPv6. */
export const templates: Template[] = [
  { id: 'ssh', protocol: 'tcp', port: 22 },
  { id: 'ping', protocol: 'icmp' },
  { id: 'http', protocol: 'tcp', port: 80 },
  { id: 'https', protocol: 'tcp', port: 443 },
  { id: 'dnsUDP', protocol: 'udp', port: 53 },
  { id: 'dnsTCP', protocol: 'tcp', port: 53 },
  { id: 'rdp', protocol: 'tcp', port: 3389 },
  { id: 'mysql', protocol: 'tcp', port: 3306 },
  { id: 'postgresql', protocol: 'tcp', port: 5432 },
  { id: 'allTCP', protocol: 'tcp' },
  { id: 'allUDP', protocol: 'udp' },
  { id: 'allICMP', protocol: 'icmp' },
  { id: 'all', protocol: null },
];

/** templateOf finds the template that a rule looks like. */
export const templateOf = (rule: RuleSpec): Template | undefined =>
  templates.find(
    (t) =>
      number(t.protocol) === (number(rule.protocol) === 58 ? 1 : number(rule.protocol)) &&
      t.id !== 'ping' &&
      (t.port ?? null) === rule.port_range_min &&
      (t.port ?? null) === rule.port_range_max,
  );

export interface RuleValues {
  direction: 'ingress' | 'egress';
  templates: string[];
  /** A rule of one's own beside the templates. */
  custom: boolean;
  protocol: string;
  protocolNumber: string;
  /** "80" or "8000-8080", or the type and code of ICMP: "8" or "3/4". Empty: all. */
  ports: string;
  remote: 'anywhere' | 'ranges' | 'group' | 'addresses';
  anywhere: string[];
  ranges: string;
  group: string;
  /** An address group. */
  addresses: string;
  ethertypes: string[];
  description: string;
}

export const newRules: RuleValues = {
  direction: 'ingress',
  templates: [],
  custom: false,
  protocol: 'tcp',
  protocolNumber: '',
  ports: '',
  remote: 'anywhere',
  anywhere: ['IPv4', 'IPv6'],
  ranges: '',
  group: '',
  addresses: '',
  ethertypes: ['IPv4', 'IPv6'],
  description: '',
};

const chosenProtocol = (v: RuleValues): string => (v.protocol === 'number' ? v.protocolNumber.trim() : v.protocol);

/** portsOf checks the ports, or type and code, of a rule. */
export const portsOf =
  (kind: PortKind): Rule =>
  (value) => {
    if (!value.trim()) return undefined;
    const form = kind === 'icmp' ? /^(\d+)(?:\s*\/\s*(\d+))?$/ : /^(\d+)(?:\s*-\s*(\d+))?$/;
    const found = form.exec(value.trim());
    if (!found) return say('wholeNumber');
    const [first, second] = [Number(found[1]), found[2] === undefined ? undefined : Number(found[2])];
    const [lowest, highest] = kind === 'icmp' ? [0, 255] : [1, 65_535];
    for (const n of [first, second ?? first]) {
      if (n < lowest) return say('min', { min: lowest });
      if (n > highest) return say('max', { max: highest });
    }
    return kind === 'ports' && second !== undefined && second < first ? say('min', { min: first }) : undefined;
  };

/** remoteRanges checks the ranges of a rule, one on a line; an address alone is a range of one. */
export const remoteRanges: Rule = (value) => {
  for (const line of linesOf(value)) {
    if (!parseRange(line) && !parseAddress(line)) return say('cidr');
  }
  return undefined;
};

const versionOf = (range: string): 'IPv4' | 'IPv6' =>
  ipaddr.parse(range.split('/')[0] ?? '').kind() === 'ipv4' ? 'IPv4' : 'IPv6';

/** rulesOf are the rules that the fields mean: each kind of traffic from each place. */
export function rulesOf(v: RuleValues): RuleSpec[] {
  const kinds = templates
    .filter((t) => v.templates.includes(t.id))
    .map((t) => ({ protocol: t.protocol, min: t.port ?? null, max: t.port ?? null }));
  if (v.custom) {
    const protocol = chosenProtocol(v) || null;
    const kind = portKind(protocol);
    const [first, second] = kind === 'none' ? [] : v.ports.trim().split(/\s*[-/]\s*/);
    const min = first ? Number(first) : null;
    kinds.push({ protocol, min, max: second ? Number(second) : kind === 'ports' ? min : null });
  }
  const places: Pick<RuleSpec, 'ethertype' | 'remote_ip_prefix' | 'remote_group_id' | 'remote_address_group_id'>[] =
    v.remote === 'group'
      ? v.ethertypes.map((e) => ({ ethertype: e as 'IPv4', remote_ip_prefix: null, remote_group_id: v.group }))
      : v.remote === 'addresses'
        ? v.ethertypes.map((e) => ({
            ethertype: e as 'IPv4',
            remote_ip_prefix: null,
            remote_group_id: null,
            remote_address_group_id: v.addresses,
          }))
        : v.remote === 'anywhere'
          ? v.anywhere.map((e) => ({
              ethertype: e as 'IPv4',
              remote_ip_prefix: e === 'IPv4' ? '0.0.0.0/0' : '::/0',
              remote_group_id: null,
            }))
          : linesOf(v.ranges).map((r) => ({ ethertype: versionOf(r), remote_ip_prefix: r, remote_group_id: null }));
  const all = kinds.flatMap(({ protocol, min, max }) =>
    places
      .filter((p) => p.ethertype === 'IPv6' || !ipv6Only.includes(number(protocol) ?? 0))
      .map(
        (place): RuleSpec => ({
          direction: v.direction,
          protocol: protocol === 'icmp' && place.ethertype === 'IPv6' ? 'ipv6-icmp' : protocol,
          port_range_min: min,
          port_range_max: max,
          ...place,
        }),
      ),
  );
  return [...new Map(all.map((rule) => [meaning(rule), rule])).values()];
}

/** meaning is the same for two rules of a group that allow the same: the API refuses the second. */
export function meaning(r: RuleSpec): string {
  let remote = '';
  if (r.remote_ip_prefix) {
    const text = parseRange(r.remote_ip_prefix)
      ? r.remote_ip_prefix
      : `${r.remote_ip_prefix}/${r.ethertype === 'IPv4' ? 32 : 128}`;
    const written = parseRange(text) ? networkOf(text) : text;
    if (!written.endsWith('/0')) remote = written;
  }
  const every = r.port_range_min === 1 && r.port_range_max === 65_535;
  return [
    r.direction,
    r.ethertype,
    number(r.protocol) || null,
    every ? null : r.port_range_min,
    every ? null : r.port_range_max,
    remote,
    r.remote_group_id,
    r.remote_address_group_id,
  ].join(' ');
}

/** opensAll tells of a rule that lets everybody in by every protocol, or by every port of TCP or UDP. */
export function opensAll(r: RuleSpec): boolean {
  if (r.direction !== 'ingress' || r.remote_group_id || r.remote_address_group_id) return false;
  const anywhere = !r.remote_ip_prefix || parseRange(r.remote_ip_prefix)?.prefix === 0;
  if (!anywhere) return false;
  const n = number(r.protocol);
  const everyPort = r.port_range_min === null || (r.port_range_min <= 1 && r.port_range_max === 65_535);
  return n === null || n === 0 || ((n === 6 || n === 17) && everyPort);
}
