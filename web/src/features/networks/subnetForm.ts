import type { Subnet } from '~/api/network';
import type { Fields } from '~/api/networkWrite';
import { linesOf, overlap, parsePools, parseRoutes, writePools, writeRoutes } from '~/ui/subnetRules';

/** What the fields of a subnet hold. Lists are text with one entry on a line. */
export interface SubnetValues {
  name: string;
  description: string;
  version: '4' | '6';
  /** Where the range of a new subnet comes from: given here, or cut from a pool. */
  source: 'range' | 'pool';
  pool: string;
  /** Of a range that is cut from a pool; '' is the pool's usual one. */
  length: string;
  cidr: string;
  gatewayMode: 'auto' | 'given' | 'none';
  gateway: string;
  dhcp: boolean;
  /** How hosts of an IPv6 subnet get their addresses; both attributes of the API are set to it. */
  mode: '' | 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless';
  pools: string;
  dns: string;
  routes: string;
  /** Owners of devices, one on a line. */
  serviceTypes: string;
}

export interface SubnetPart {
  subnet: SubnetValues;
}

export const newSubnet: SubnetValues = {
  name: '',
  description: '',
  version: '4',
  source: 'range',
  pool: '',
  length: '',
  cidr: '',
  gatewayMode: 'auto',
  gateway: '',
  dhcp: true,
  mode: '',
  pools: '',
  dns: '',
  routes: '',
  serviceTypes: '',
};

export const valuesOf = (subnet: Subnet): SubnetValues => ({
  name: subnet.name,
  description: subnet.description,
  version: subnet.ip_version === 4 ? '4' : '6',
  source: 'range',
  pool: '',
  length: '',
  cidr: subnet.cidr,
  gatewayMode: subnet.gateway_ip ? 'given' : 'none',
  gateway: subnet.gateway_ip ?? '',
  dhcp: subnet.enable_dhcp,
  mode: '',
  pools: writePools(subnet.allocation_pools),
  dns: subnet.dns_nameservers.join('\n'),
  routes: writeRoutes(subnet.host_routes),
  serviceTypes: (subnet.service_types ?? []).join('\n'),
});

/** chooses tells whether hosts choose their own addresses. */
export const chooses = (v: SubnetValues): boolean =>
  v.version === '6' && v.dhcp && (v.mode === 'slaac' || v.mode === 'dhcpv6-stateless');

/** createFields is the body for a new subnet: what is left to the API is not sent. */
export function createFields(v: SubnetValues, network: string): Fields {
  const fields: Fields = {
    network_id: network,
    ip_version: Number(v.version),
    name: v.name.trim(),
    enable_dhcp: v.dhcp,
  };
  if (v.source === 'pool') {
    fields.subnetpool_id = v.pool;
    if (v.length) fields.prefixlen = Number(v.length);
  } else fields.cidr = v.cidr.trim();
  if (v.description) fields.description = v.description;
  if (v.gatewayMode === 'none') fields.gateway_ip = null;
  if (v.gatewayMode === 'given') fields.gateway_ip = v.gateway.trim();
  if (v.version === '6' && v.dhcp && v.mode) {
    fields.ipv6_ra_mode = v.mode;
    fields.ipv6_address_mode = v.mode;
  }
  if (linesOf(v.pools).length > 0) fields.allocation_pools = parsePools(v.pools);
  if (linesOf(v.dns).length > 0) fields.dns_nameservers = linesOf(v.dns);
  if (linesOf(v.routes).length > 0) fields.host_routes = parseRoutes(v.routes);
  if (linesOf(v.serviceTypes).length > 0) fields.service_types = linesOf(v.serviceTypes);
  return fields;
}

/** updateFields is the body for a change: only what is different, as a router's gateway may not be set anew. */
export function updateFields(v: SubnetValues, before: Subnet): Fields {
  const after: Fields = {
    name: v.name.trim(),
    description: v.description,
    enable_dhcp: v.dhcp,
    gateway_ip: v.gatewayMode === 'none' ? null : v.gateway.trim(),
    allocation_pools: parsePools(v.pools),
    dns_nameservers: linesOf(v.dns),
    host_routes: parseRoutes(v.routes),
    service_types: linesOf(v.serviceTypes),
  };
  return changed(after, { service_types: [], ...before });
}

/** changed leaves the fields that are other than before. */
export const changed = (after: Fields, before: Fields): Fields =>
  Object.fromEntries(
    Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])),
  );

/** overlapping are the subnets whose range has addresses of this one. */
export const overlapping = (cidr: string, others: Subnet[]): Subnet[] =>
  others.filter((other) => overlap(cidr, other.cidr));
