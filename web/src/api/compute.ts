import { useQuery } from '@tanstack/react-query';
import { call, collect, pathPart, raw } from './client';

// Types as in the Compute API reference at microversion 2.96; only what the dashboard uses.

export interface Address {
  version: 4 | 6;
  addr: string;
  'OS-EXT-IPS:type'?: 'fixed' | 'floating';
  'OS-EXT-IPS-MAC:mac_addr'?: string;
}

export interface Server {
  id: string;
  name: string;
  status: string;
  tenant_id: string;
  user_id: string;
  metadata: Record<string, string>;
  hostId: string;
  image: { id: string } | '';
  flavor: {
    original_name: string;
    vcpus: number;
    ram: number;
    disk: number;
    ephemeral: number;
    swap: number;
    extra_specs?: Record<string, string>;
  };
  created: string;
  updated: string;
  addresses: Record<string, Address[]>;
  'OS-EXT-AZ:availability_zone': string;
  'OS-EXT-STS:task_state': string | null;
  'OS-EXT-STS:vm_state': string;
  /** 1 running, 3 paused, 4 shut down, 0 none. */
  'OS-EXT-STS:power_state': number;
  'OS-SRV-USG:launched_at': string | null;
  'OS-EXT-SRV-ATTR:host'?: string | null;
  'OS-EXT-SRV-ATTR:hypervisor_hostname'?: string | null;
  'OS-EXT-SRV-ATTR:instance_name'?: string;
  'OS-EXT-SRV-ATTR:hostname'?: string;
  config_drive: string;
  key_name: string | null;
  security_groups?: { name: string }[];
  fault?: { code: number; created: string; message: string; details?: string };
  locked: boolean;
  locked_reason: string | null;
  host_status?: string;
  description: string | null;
  tags: string[];
  server_groups?: string[];
}

export interface Flavor {
  id: string;
  name: string;
  description: string | null;
  ram: number;
  vcpus: number;
  disk: number;
  swap: number | '';
  'OS-FLV-EXT-DATA:ephemeral': number;
  'os-flavor-access:is_public': boolean;
  rxtx_factor: number;
  extra_specs?: Record<string, string>;
}

export interface KeyPair {
  name: string;
  type: 'ssh' | 'x509';
  fingerprint: string;
  public_key: string;
}

export interface KeyPairDetail extends KeyPair {
  created_at: string;
}

export interface InstanceAction {
  action: string;
  request_id: string;
  user_id: string;
  project_id: string;
  start_time: string;
  updated_at: string;
  message: string | null;
  events?: ActionEvent[];
}

export interface ActionEvent {
  event: string;
  start_time: string;
  finish_time: string | null;
  result: string | null;
  hostId?: string;
  host?: string;
  details?: string | null;
}

export interface InterfaceAttachment {
  port_id: string;
  net_id: string;
  mac_addr: string;
  port_state: string;
  fixed_ips: { ip_address: string; subnet_id: string }[];
  tag?: string | null;
}

export interface ComputeService {
  id: string;
  binary: string;
  host: string;
  zone: string;
  status: 'enabled' | 'disabled';
  state: 'up' | 'down';
  updated_at: string;
  disabled_reason: string | null;
  forced_down: boolean;
}

export interface Hypervisor {
  id: string;
  hypervisor_hostname: string;
  hypervisor_type: string;
  hypervisor_version: number;
  host_ip: string;
  state: 'up' | 'down';
  status: 'enabled' | 'disabled';
  uptime?: string | null;
  servers?: { name: string; uuid: string }[];
  service: { id: string; host: string; disabled_reason: string | null };
}

export interface Aggregate {
  id: number;
  uuid: string;
  name: string;
  availability_zone: string | null;
  hosts: string[];
  metadata: Record<string, string>;
  created_at: string;
}

export interface Zone {
  zoneName: string;
  zoneState: { available: boolean };
  hosts?: Record<string, Record<string, { available: boolean; active: boolean; updated_at: string | null }>> | null;
}

export interface ServerGroup {
  id: string;
  name: string;
  policy: string;
  rules: { max_server_per_host?: number };
  members: string[];
  project_id: string;
  user_id: string;
}

/** The move of a server, or a change of its size (API ref: os-migrations). */
export interface Migration {
  id: number;
  uuid: string;
  migration_type: 'resize' | 'migration' | 'live-migration' | 'evacuation';
  status: string;
  instance_uuid: string;
  source_compute: string;
  dest_compute: string | null;
  user_id: string;
  project_id: string;
  created_at: string;
  updated_at: string;
}

/** Limits and what is used of them: GET /limits. -1 is no limit. */
export interface AbsoluteLimits {
  maxTotalInstances: number;
  maxTotalCores: number;
  maxTotalRAMSize: number;
  maxTotalKeypairs: number;
  maxServerGroups: number;
  totalInstancesUsed: number;
  totalCoresUsed: number;
  totalRAMUsed: number;
  totalServerGroupsUsed: number;
  maxServerMeta: number;
}

/** A quota of a project, with what is used of it. -1 is no limit. */
export interface ComputeQuota {
  limit: number;
  in_use: number;
}

const servers = (everywhere: boolean) =>
  collect<Server>('compute', '/servers/detail', 'servers', {
    // What was deleted and can be restored is only found by administrators who ask for it.
    query: { limit: 1000, ...(everywhere && { all_tenants: 1, soft_deleted: true }) },
  });

/** Servers of the project; of all projects for administrators who ask for them. */
export const useServers = (everywhere = false) =>
  useQuery({ queryKey: ['server', { everywhere }], queryFn: () => servers(everywhere) });

export const getServer = (id: string) =>
  call<{ server: Server }>('compute', 'GET', `/servers/${id}`).then((a) => a.server);
export const useServer = (id: string) => useQuery({ queryKey: ['server', id], queryFn: () => getServer(id) });

export const serverActions = (id: string) =>
  collect<InstanceAction>('compute', `/servers/${id}/os-instance-actions`, 'instanceActions');
export const useServerActions = (id: string) =>
  useQuery({ queryKey: ['server', id, 'actions'], queryFn: () => serverActions(id) });

/** again: how long until the next question, in ms, by what is known of the action; false: no more is asked. */
export const useServerAction = (
  id: string,
  request: string,
  again: (known?: InstanceAction) => number | false = () => false,
) =>
  useQuery({
    refetchInterval: (query) => again(query.state.data),
    queryKey: ['server', id, 'actions', request],
    queryFn: () =>
      call<{ instanceAction: InstanceAction }>('compute', 'GET', `/servers/${id}/os-instance-actions/${request}`).then(
        (a) => a.instanceAction,
      ),
    enabled: request !== '',
  });

export const useServerInterfaces = (id: string) =>
  useQuery({
    queryKey: ['server', id, 'interfaces'],
    queryFn: () =>
      call<{ interfaceAttachments: InterfaceAttachment[] }>('compute', 'GET', `/servers/${id}/os-interface`).then(
        (a) => a.interfaceAttachments,
      ),
  });

/** The password that the guest told, encrypted with its key pair, in base64; '' where it told none. */
export const useGuestPassword = (id: string) =>
  useQuery({
    queryKey: ['server', id, 'password'],
    queryFn: () =>
      call<{ password: string }>('compute', 'GET', `/servers/${id}/os-server-password`).then((a) => a.password),
  });

/** serverAction is POST /servers/{id}/action; some actions answer with a body. */
export async function serverAction<T = void>(
  id: string,
  action: Record<string, unknown>,
  version?: string,
): Promise<T> {
  const answer = await raw('compute', 'POST', `/servers/${id}/action`, { body: action, version });
  const content = await answer.text();
  return (content ? JSON.parse(content) : undefined) as T;
}

export const useFlavors = (everywhere = false) =>
  useQuery({
    queryKey: ['flavor', { everywhere }],
    queryFn: () =>
      collect<Flavor>('compute', '/flavors/detail', 'flavors', {
        query: { is_public: everywhere ? 'None' : undefined },
      }),
  });

export const useFlavor = (id: string) =>
  useQuery({
    queryKey: ['flavor', id],
    queryFn: () => call<{ flavor: Flavor }>('compute', 'GET', `/flavors/${id}`).then((a) => a.flavor),
  });

export const useKeyPairs = () =>
  useQuery({
    queryKey: ['keypair'],
    queryFn: async () =>
      (await collect<{ keypair: KeyPair }>('compute', '/os-keypairs', 'keypairs')).map(({ keypair }) => ({
        ...keypair,
        id: keypair.name,
      })),
  });

export const useKeyPair = (name: string) =>
  useQuery({
    queryKey: ['keypair', name],
    queryFn: () =>
      call<{ keypair: KeyPairDetail }>('compute', 'GET', `/os-keypairs/${pathPart(name)}`).then((a) => a.keypair),
  });

/** Projects that may use a private flavor; for administrators. */
export const useFlavorAccess = (id: string) =>
  useQuery({
    queryKey: ['flavor', id, 'access'],
    queryFn: () =>
      call<{ flavor_access: { tenant_id: string }[] }>('compute', 'GET', `/flavors/${id}/os-flavor-access`).then((a) =>
        a.flavor_access.map((one) => one.tenant_id),
      ),
  });

export const useServerGroups = () =>
  useQuery({
    queryKey: ['server_group'],
    queryFn: () =>
      call<{ server_groups: ServerGroup[] }>('compute', 'GET', '/os-server-groups').then((a) => a.server_groups),
  });

/** Heartbeats give no event: pages that show them ask again every so often, in ms. */
export const useComputeServices = (every: number | false = false) =>
  useQuery({
    queryKey: ['compute_service'],
    queryFn: () => call<{ services: ComputeService[] }>('compute', 'GET', '/os-services').then((a) => a.services),
    refetchInterval: every,
  });

export const useHypervisors = (every: number | false = false) =>
  useQuery({
    queryKey: ['hypervisor'],
    queryFn: () =>
      collect<Hypervisor>('compute', '/os-hypervisors/detail', 'hypervisors', { query: { with_servers: true } }),
    refetchInterval: every,
  });

export const useHypervisor = (id: string) =>
  useQuery({
    queryKey: ['hypervisor', id],
    queryFn: () =>
      call<{ hypervisor: Hypervisor }>('compute', 'GET', `/os-hypervisors/${id}`, {
        query: { with_servers: true },
      }).then((a) => a.hypervisor),
  });

/** Servers of all projects that are on a host; for administrators. */
export const useServersOn = (host: string) =>
  useQuery({
    queryKey: ['server', { host }],
    queryFn: () =>
      collect<Server>('compute', '/servers/detail', 'servers', { query: { limit: 1000, all_tenants: 1, host } }),
    enabled: host !== '',
  });

export const useAggregates = () =>
  useQuery({
    queryKey: ['aggregate'],
    queryFn: () => call<{ aggregates: Aggregate[] }>('compute', 'GET', '/os-aggregates').then((a) => a.aggregates),
  });

/** Zones; with hosts for administrators who ask for the detail. */
export const useZones = (detail = false) =>
  useQuery({
    queryKey: ['zone', { detail }],
    queryFn: () =>
      call<{ availabilityZoneInfo: Zone[] }>('compute', 'GET', `/os-availability-zone${detail ? '/detail' : ''}`).then(
        (a) => a.availabilityZoneInfo,
      ),
  });

export const useLimits = () =>
  useQuery({
    queryKey: ['usage', 'compute'],
    queryFn: () =>
      call<{ limits: { absolute: AbsoluteLimits } }>('compute', 'GET', '/limits').then((a) => a.limits.absolute),
  });

/** Quotas of a project by resource: GET /os-quota-sets/{id}/detail. */
export const useComputeQuotas = (project: string) =>
  useQuery({
    queryKey: ['usage', 'compute', project],
    queryFn: async () => {
      const { quota_set } = await call<{ quota_set: Record<string, ComputeQuota | string> }>(
        'compute',
        'GET',
        `/os-quota-sets/${project}/detail`,
      );
      return Object.fromEntries(
        Object.entries(quota_set).filter((entry): entry is [string, ComputeQuota] => typeof entry[1] === 'object'),
      );
    },
  });

/** Limits of the class that projects are of, by resource: GET /os-quota-class-sets/default. */
export const useQuotaClass = () =>
  useQuery({
    queryKey: ['quota_class_set', 'default'],
    queryFn: async () => {
      const { quota_class_set } = await call<{ quota_class_set: Record<string, number | string> }>(
        'compute',
        'GET',
        '/os-quota-class-sets/default',
      );
      return Object.fromEntries(
        Object.entries(quota_class_set).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
      );
    },
  });

/** Moves and resizes of the servers of all projects, the newest first; for administrators. */
export const useMigrations = () =>
  useQuery({
    queryKey: ['server', { migrations: true }],
    queryFn: () => collect<Migration>('compute', '/os-migrations', 'migrations', { query: { limit: 1000 } }),
  });
