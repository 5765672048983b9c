import { useQuery } from '@tanstack/react-query';
import { listOf, oneOf, useSecurityGroups } from './network';

// What networks and rules are made of, and what projects share with each other: types as in the Networking API v2.0 reference.

interface Owned {
  id: string;
  project_id: string;
}

/** Ranges from which subnets are cut. */
export interface SubnetPool extends Owned {
  name: string;
  description: string;
  ip_version: 4 | 6;
  prefixes: string[];
  /** The API writes these three as text. */
  default_prefixlen: string;
  min_prefixlen: string;
  max_prefixlen: string;
  /** In addresses of IPv4 or prefixes of 64 bits of IPv6; null and 0 are no limit. */
  default_quota: number | null;
  is_default: boolean;
  shared: boolean;
  address_scope_id: string | null;
  created_at: string;
  updated_at: string;
  tags: string[];
}

/** Within a scope no address is there twice, so that routers need not translate. */
export interface AddressScope extends Owned {
  name: string;
  ip_version: 4 | 6;
  shared: boolean;
}

/** Ranges that rules of security groups speak of by one name. */
export interface AddressGroup extends Owned {
  name: string;
  description: string;
  addresses: string[];
  shared: boolean;
  created_at: string;
  updated_at: string;
}

export const sharable = [
  'network',
  'security_group',
  'subnetpool',
  'address_scope',
  'address_group',
  'qos_policy',
] as const;
export type Sharable = (typeof sharable)[number];

/** Somebody lets a project, or all ('*'), use something. */
export interface RBACPolicy extends Owned {
  object_type: Sharable;
  object_id: string;
  action: 'access_as_shared' | 'access_as_external';
  target_tenant: string;
}

export const everybody = '*';

/** What a project may use: its own things, and what is shared with it. An administrator sees all and is shown no more than that. */
const usable =
  (project: string) =>
  <T extends Owned & { shared: boolean }>(all: T[]): T[] =>
    all.filter((one) => one.project_id === project || one.shared);

export const useSubnetPools = (project: string) =>
  useQuery({
    queryKey: ['subnetpool'],
    queryFn: () => listOf<SubnetPool>('subnetpools', 'subnetpools')(),
    select: usable(project),
  });
export const useSubnetPool = (id: string) =>
  useQuery({
    queryKey: ['subnetpool', id],
    queryFn: () => oneOf<SubnetPool>('subnetpools', 'subnetpool')(id),
  });
export const useAddressScopes = (project: string) =>
  useQuery({
    queryKey: ['address_scope'],
    queryFn: () => listOf<AddressScope>('address-scopes', 'address_scopes')(),
    select: usable(project),
  });
export const useAddressScope = (id: string) =>
  useQuery({
    queryKey: ['address_scope', id],
    queryFn: () => oneOf<AddressScope>('address-scopes', 'address_scope')(id),
  });
export const useAddressGroups = (project: string) =>
  useQuery({
    queryKey: ['address_group'],
    queryFn: () => listOf<AddressGroup>('address-groups', 'address_groups')(),
    select: usable(project),
  });
export const useAddressGroup = (id: string) =>
  useQuery({
    queryKey: ['address_group', id],
    queryFn: () => oneOf<AddressGroup>('address-groups', 'address_group')(id),
  });

/** Policies of the project; those by which others share with it are theirs, and not shown to it. */
export const useRBACPolicies = (project: string) =>
  useQuery({
    queryKey: ['rbac_policy'],
    queryFn: () => listOf<RBACPolicy>('rbac-policies', 'rbac_policies')(),
    select: (all) => all.filter((p) => p.project_id === project),
  });

/** With whom one thing is shared. */
export const useSharing = (object: string) =>
  useQuery({
    queryKey: ['rbac_policy', { object }],
    queryFn: () => listOf<RBACPolicy>('rbac-policies', 'rbac_policies')({ object_id: object }),
  });

/** The security groups of the project, and those that others share with it. */
export const useUsableSecurityGroups = (project: string) => {
  const query = useSecurityGroups(project, true);
  return { ...query, data: query.data && usable(project)(query.data) };
};
