import { useQuery } from '@tanstack/react-query';
import { call, collect } from './client';

// Types as in the Networking API v2.0 reference; only what the dashboard uses.

interface Standard {
  id: string;
  name: string;
  description: string;
  project_id: string;
  created_at: string;
  updated_at: string;
  revision_number: number;
  tags: string[];
}

export interface Network extends Standard {
  status: string;
  admin_state_up: boolean;
  shared: boolean;
  'router:external': boolean;
  is_default?: boolean;
  mtu: number;
  ipv4_address_scope?: string | null;
  ipv6_address_scope?: string | null;
  availability_zone_hints?: string[];
  port_security_enabled: boolean;
  subnets: string[];
  dns_domain?: string;
  qos_policy_id?: string | null;
  availability_zones: string[];
  /** These three are shown to administrators. */
  'provider:network_type'?: 'local' | 'flat' | 'vlan' | 'gre' | 'vxlan';
  'provider:physical_network'?: string | null;
  'provider:segmentation_id'?: number | null;
}

export interface Subnet extends Standard {
  network_id: string;
  ip_version: 4 | 6;
  cidr: string;
  gateway_ip: string | null;
  enable_dhcp: boolean;
  ipv6_ra_mode: string | null;
  ipv6_address_mode: string | null;
  allocation_pools: { start: string; end: string }[];
  dns_nameservers: string[];
  host_routes: { destination: string; nexthop: string }[];
  subnetpool_id?: string | null;
  /** Owners of devices whose ports have addresses of it; empty: all. */
  service_types?: string[];
}

export interface FixedIP {
  subnet_id: string;
  ip_address: string;
}

export interface Port extends Standard {
  network_id: string;
  mac_address: string;
  admin_state_up: boolean;
  status: string;
  device_id: string;
  device_owner: string;
  fixed_ips: FixedIP[];
  security_groups: string[];
  port_security_enabled: boolean;
  allowed_address_pairs: { ip_address: string; mac_address?: string }[];
  extra_dhcp_opts: { opt_name: string; opt_value: string; ip_version: number }[];
  dns_name?: string;
  qos_policy_id?: string | null;
  /** That of its network, which holds where the port has none. */
  qos_network_policy_id?: string | null;
  dns_assignment?: { hostname: string; ip_address: string; fqdn: string }[];
  'binding:vnic_type': string;
  /** These are shown to administrators. */
  'binding:host_id'?: string;
  'binding:vif_type'?: string;
  'binding:vif_details'?: Record<string, unknown>;
  'binding:profile'?: Record<string, unknown>;
}

export interface Router extends Standard {
  status: string;
  admin_state_up: boolean;
  external_gateway_info: {
    network_id: string;
    enable_snat: boolean;
    external_fixed_ips: FixedIP[];
    qos_policy_id?: string | null;
  } | null;
  routes: { destination: string; nexthop: string }[];
  distributed?: boolean;
  ha?: boolean;
  availability_zone_hints?: string[];
  availability_zones: string[];
}

export interface FloatingIP extends Omit<Standard, 'name'> {
  floating_ip_address: string;
  floating_network_id: string;
  fixed_ip_address: string | null;
  port_id: string | null;
  router_id: string | null;
  status: string;
  dns_name?: string;
  dns_domain?: string;
  qos_policy_id?: string | null;
  port_details?: { name: string; device_id: string; device_owner: string; mac_address: string; status: string } | null;
}

export interface SecurityGroupRule extends Omit<Standard, 'name'> {
  security_group_id: string;
  direction: 'ingress' | 'egress';
  ethertype: 'IPv4' | 'IPv6';
  protocol: string | null;
  port_range_min: number | null;
  port_range_max: number | null;
  remote_ip_prefix: string | null;
  remote_group_id: string | null;
  remote_address_group_id?: string | null;
}

export interface SecurityGroup extends Standard {
  shared: boolean;
  /** Whether answers to what the rules allow need no rule of their own. */
  stateful: boolean;
  security_group_rules: SecurityGroupRule[];
}

export interface Finding {
  check: string;
  level: 'ok' | 'warn' | 'fatal';
  detail: string;
  breaks?: string;
  mend?: string;
}

export interface NetworkAgent {
  id: string;
  agent_type: string;
  binary: string;
  host: string;
  alive: boolean;
  admin_state_up: boolean;
  availability_zone: string | null;
  heartbeat_timestamp: string;
  started_at: string;
  configurations: Record<string, unknown> & { findings?: Finding[] };
}

/** Addresses that a network gives out, and those in use; for administrators. */
export interface IPAvailability {
  network_id: string;
  network_name: string;
  total_ips: number;
  used_ips: number;
  subnet_ip_availability: {
    subnet_id: string;
    subnet_name: string;
    cidr: string;
    ip_version: 4 | 6;
    total_ips: number;
    used_ips: number;
  }[];
}

export interface TraceStep {
  hop: 'port' | 'security_group' | 'network' | 'router' | 'floating_ip' | 'snat' | 'wire' | 'host';
  resource_type: 'port' | 'security_group' | 'network' | 'router' | 'floatingip' | null;
  resource_id: string | null;
  /** Shown to administrators. */
  host: string | null;
  verdict: 'forwarded' | 'accepted' | 'dropped';
  reason: string;
  /** The rule that lets it pass. */
  rule: { security_group_id: string; id: string } | null;
}

/** The way of the first packet of a connection: extension port-trace. */
export interface Trace {
  port_id: string;
  source: string;
  destination: string;
  protocol: number;
  source_port: number | null;
  destination_port: number | null;
  reached: boolean;
  disagreement: string | null;
  steps: TraceStep[];
}

export interface QuotaDetail {
  limit: number;
  used: number;
  reserved: number;
}

/** listOf asks for a whole collection, oneOf for one thing of it by id. */
export const listOf =
  <T>(path: string, key: string) =>
  (query?: Record<string, string | string[] | boolean | undefined>) =>
    collect<T>('network', `/${path}`, key, { query: { limit: '1000', ...query } });
export const oneOf =
  <T>(path: string, key: string) =>
  (id: string) =>
    call<Record<string, T>>('network', 'GET', `/${path}/${id}`).then((a) => a[key] as T);

export const listNetworks = listOf<Network>('networks', 'networks');
export const listSubnets = listOf<Subnet>('subnets', 'subnets');
export const listPorts = listOf<Port>('ports', 'ports');
export const listRouters = listOf<Router>('routers', 'routers');
export const listFloatingIPs = listOf<FloatingIP>('floatingips', 'floatingips');
export const listSecurityGroups = listOf<SecurityGroup>('security-groups', 'security_groups');

/**
 * Networks that the project may use: its own, shared and external ones. An administrator who asks for everything gets those of
 * all projects: the API shows all of them to administrators, so others are left out here.
 */
type Owned = { project_id: string };
const mine = <T extends Owned>(items: T[], project: string, visible: (item: T) => boolean = () => false): T[] =>
  items.filter((item) => item.project_id === project || visible(item));

export const useNetworks = (project: string, everywhere = false) =>
  useQuery({
    queryKey: ['network'],
    queryFn: () => listNetworks(),
    select: (all) => (everywhere ? all : mine(all, project, (n) => n.shared || n['router:external'])),
  });

export const useNetwork = (id: string, enabled = true) =>
  useQuery({ queryKey: ['network', id], queryFn: () => oneOf<Network>('networks', 'network')(id), enabled });

export const useSubnets = () => useQuery({ queryKey: ['subnet'], queryFn: () => listSubnets() });

/** Ports that match a filter of the API: network_id, device_id, … */
export const usePorts = (filter: Record<string, string | string[]> = {}, enabled = true) =>
  useQuery({ queryKey: ['port', filter], queryFn: () => listPorts(filter), enabled });

export const usePort = (id: string) =>
  useQuery({ queryKey: ['port', id], queryFn: () => oneOf<Port>('ports', 'port')(id) });

export const useRouters = (project: string, everywhere = false) =>
  useQuery({
    queryKey: ['router'],
    queryFn: () => listRouters(),
    select: (all) => (everywhere ? all : mine(all, project)),
  });

export const useRouter = (id: string) =>
  useQuery({ queryKey: ['router', id], queryFn: () => oneOf<Router>('routers', 'router')(id) });

export const useFloatingIPs = (project: string, everywhere = false) =>
  useQuery({
    queryKey: ['floatingip'],
    queryFn: () => listFloatingIPs(),
    select: (all) => (everywhere ? all : mine(all, project)),
  });

export const useFloatingIP = (id: string) =>
  useQuery({ queryKey: ['floatingip', id], queryFn: () => oneOf<FloatingIP>('floatingips', 'floatingip')(id) });

export const useSecurityGroups = (project: string, everywhere = false) =>
  useQuery({
    queryKey: ['security_group'],
    queryFn: () => listSecurityGroups(),
    select: (all) => (everywhere ? all : mine(all, project)),
  });

export const useSecurityGroup = (id: string) =>
  useQuery({
    queryKey: ['security_group', id],
    queryFn: () => oneOf<SecurityGroup>('security-groups', 'security_group')(id),
  });

export const useIPAvailability = (network: string) =>
  useQuery({
    queryKey: ['network', network, 'availability'],
    queryFn: () => oneOf<IPAvailability>('network-ip-availabilities', 'network_ip_availability')(network),
  });

/** Agents are for administrators; others must not ask. Heartbeats give no event: pages that show them ask again every so often. */
export const useAgents = (enabled = true, every: number | false = false) =>
  useQuery({
    queryKey: ['agent'],
    queryFn: () => call<{ agents: NetworkAgent[] }>('network', 'GET', '/agents').then((a) => a.agents),
    enabled,
    refetchInterval: every,
  });

/** The agents that serve a network with DHCP, or that carry a router; for administrators. */
export const useAgentsOf = (kind: 'dhcp' | 'l3', id: string) =>
  useQuery({
    queryKey: ['agent', { kind, id }],
    queryFn: () =>
      call<{ agents: NetworkAgent[] }>(
        'network',
        'GET',
        kind === 'dhcp' ? `/networks/${id}/dhcp-agents` : `/routers/${id}/l3-agents`,
      ).then((a) => a.agents),
  });

export interface Zone {
  name: string;
  resource: 'network' | 'router';
  state: string;
}

/** Availability zones in which networks and routers can be. */
export const useNetworkZones = (resource: Zone['resource']) =>
  useQuery({
    queryKey: ['zone', 'network'],
    queryFn: () =>
      call<{ availability_zones: Zone[] }>('network', 'GET', '/availability_zones').then((a) => a.availability_zones),
    select: (all) => all.filter((zone) => zone.resource === resource).map((zone) => zone.name),
  });

export const useExtensions = () =>
  useQuery({
    queryKey: ['extension'],
    queryFn: () =>
      call<{ extensions: { alias: string }[] }>('network', 'GET', '/extensions').then((a) =>
        a.extensions.map((e) => e.alias),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** The extension with which the cloud follows packets. */
export const portTrace = 'port-trace';

/** A trace tells of one moment: it is asked again whenever it is shown again. */
export const useTrace = (port: string, query: Record<string, string>, enabled: boolean) =>
  useQuery({
    queryKey: ['trace', port, query],
    queryFn: () =>
      call<{ trace: Trace }>('network', 'GET', `/ports/${port}/trace`, { query }).then((answer) => answer.trace),
    enabled,
    staleTime: 0,
    gcTime: 0,
  });

export const useNetworkQuotas = (project: string) =>
  useQuery({
    queryKey: ['usage', 'network', project],
    queryFn: () =>
      call<{ quota: Record<string, QuotaDetail> }>('network', 'GET', `/quotas/${project}/details.json`).then(
        (a) => a.quota,
      ),
  });

/** Limits of projects that have none of their own. */
export const useDefaultNetworkQuotas = (project: string) =>
  useQuery({
    queryKey: ['usage', 'network', 'defaults'],
    queryFn: () =>
      call<{ quota: Record<string, number> }>('network', 'GET', `/quotas/${project}/default`).then((a) => a.quota),
  });
