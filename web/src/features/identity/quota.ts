import type { ComputeQuota } from '~/api/compute';
import type { QuotaDetail } from '~/api/network';
import { formatMiB } from '~/ui/format';
import type { Limits } from './mutations';

/** The largest limit of the APIs. */
export const maxLimit = 2 ** 31 - 1;

export type Service = 'compute' | 'network';

/** A resource that a project may have so many of; 'ram' is in MiB. */
export interface Quota {
  service: Service;
  resource: string;
  /** -1 is no limit. */
  limit: number;
  /** Undefined where the limit is one per thing or per user, so that there is no sum for the project. */
  used: number | undefined;
}

const computeOrder = [
  'instances',
  'cores',
  'ram',
  'server_groups',
  'server_group_members',
  'key_pairs',
  'metadata_items',
];
const uncounted = ['server_group_members', 'key_pairs', 'metadata_items'];
const networkOrder = [
  'network',
  'subnet',
  'port',
  'router',
  'floatingip',
  'security_group',
  'security_group_rule',
  'subnetpool',
  'address_group',
  'rbac_policy',
];

const inOrder = (order: string[]) => (a: Quota, b: Quota) => place(order, a) - place(order, b);
const place = (order: string[], q: Quota) => (order.indexOf(q.resource) + 1 || order.length + 1) - 1;

export const computeQuotas = (found: Record<string, ComputeQuota>): Quota[] =>
  Object.entries(found)
    .map(
      ([resource, { limit, in_use }]): Quota => ({
        service: 'compute',
        resource,
        limit,
        used: uncounted.includes(resource) ? undefined : in_use,
      }),
    )
    .sort(inOrder(computeOrder));

export const networkQuotas = (found: Record<string, Pick<QuotaDetail, 'limit' | 'used'>>): Quota[] =>
  Object.entries(found)
    .map(([resource, { limit, used }]): Quota => ({ service: 'network', resource, limit, used }))
    .sort(inOrder(networkOrder));

/** limitsOf gives quotas to default limits, which nobody uses. */
export const limitsOf = (service: Service, limits: Limits): Quota[] =>
  Object.entries(limits)
    .map(([resource, limit]): Quota => ({ service, resource, limit, used: undefined }))
    .sort(inOrder(service === 'compute' ? computeOrder : networkOrder));

/** amount is a number of a resource, for a person. */
export const amount = (resource: string, n: number, number: (n: number) => string): string =>
  resource === 'ram' ? formatMiB(n) : number(n);

/** changes are the limits that differ from what they are. */
export function changes(quotas: Quota[], values: Record<string, string>, service: Service): Limits {
  const changed: Limits = {};
  for (const q of quotas) {
    const value = values[q.resource];
    if (q.service !== service || value === undefined || value.trim() === '') continue;
    if (Number(value) !== q.limit) changed[q.resource] = Number(value);
  }
  return changed;
}

/** The compute service refuses limits below what is used; with the network's, what is there stays and nothing can be added. */
export const lowest = (q: Quota): number => (q.service === 'compute' ? (q.used ?? 0) : 0);
