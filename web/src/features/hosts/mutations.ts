import type { Aggregate } from '~/api/compute';
import { write } from '~/api/write';

const hosts = ['compute_service', 'hypervisor', 'zone'];

export interface ServiceChange {
  status?: 'enabled' | 'disabled';
  disabled_reason?: string;
  forced_down?: boolean;
}

export const updateService = (id: string, change: ServiceChange) =>
  write(hosts, 'compute', 'PUT', `/os-services/${id}`, change);

/** deleteService forgets a host: it comes back when its node connects again. */
export const deleteService = (id: string): Promise<void> => write(hosts, 'compute', 'DELETE', `/os-services/${id}`);

const aggregates = ['aggregate', 'zone', 'compute_service'];
const act = (id: string, action: object) => write(aggregates, 'compute', 'POST', `/os-aggregates/${id}/action`, action);

/** A zone that is empty is none. */
export const createAggregate = (name: string, zone: string) =>
  write<{ aggregate: Aggregate }>(aggregates, 'compute', 'POST', '/os-aggregates', {
    aggregate: { name, ...(zone && { availability_zone: zone }) },
  });

export async function updateAggregate(before: Aggregate, name: string, zone: string): Promise<void> {
  const id = String(before.id);
  const change = {
    ...(name !== before.name && { name }),
    ...(zone && zone !== before.availability_zone && { availability_zone: zone }),
  };
  if (Object.keys(change).length > 0) {
    await write(aggregates, 'compute', 'PUT', `/os-aggregates/${id}`, { aggregate: change });
  }
  // Only its metadata can take an aggregate out of its zone.
  if (!zone && before.availability_zone) await setMetadata(id, { availability_zone: null });
}

export const deleteAggregate = (id: string) => write(aggregates, 'compute', 'DELETE', `/os-aggregates/${id}`);

export const setMetadata = (id: string, metadata: Record<string, string | null>) =>
  act(id, { set_metadata: { metadata } });

/** setHosts takes out and adds one after the other: each may be refused, and then the rest stays undone. */
export async function setHosts(aggregate: Aggregate, wanted: string[]): Promise<void> {
  const id = String(aggregate.id);
  for (const host of aggregate.hosts) if (!wanted.includes(host)) await act(id, { remove_host: { host } });
  for (const host of wanted) if (!aggregate.hosts.includes(host)) await act(id, { add_host: { host } });
}

/** cacheImages has the hosts of an aggregate fetch images; nothing that is shown changes by it. */
export const cacheImages = (id: string, images: string[]): Promise<void> =>
  write([], 'compute', 'POST', `/os-aggregates/${id}/images`, { cache: images.map((image) => ({ id: image })) });
