import { pathPart } from '~/api/client';
import type { Flavor } from '~/api/compute';
import { write } from '~/api/write';
import type { Size } from './sizes';

const shown = ['flavor'];
const pathOf = (id: string) => `/flavors/${pathPart(id)}`;

export interface NewFlavor extends Size {
  id: string;
  ephemeral: number;
  swap: number;
  isPublic: boolean;
  description: string;
}

/** createFlavor: an empty id lets the cloud make one. */
export const createFlavor = (f: NewFlavor): Promise<Flavor> =>
  write<{ flavor: Flavor }>(shown, 'compute', 'POST', '/flavors', {
    flavor: {
      name: f.name.trim(),
      vcpus: f.vcpus,
      ram: f.ram,
      disk: f.disk,
      swap: f.swap,
      'OS-FLV-EXT-DATA:ephemeral': f.ephemeral,
      'os-flavor-access:is_public': f.isPublic,
      ...(f.id.trim() && { id: f.id.trim() }),
      ...(f.description.trim() && { description: f.description.trim() }),
    },
  }).then((a) => a.flavor);

export const createSize = (size: Size): Promise<Flavor> =>
  createFlavor({ ...size, id: '', ephemeral: 0, swap: 0, isPublic: true, description: '' });

/** An empty description is none. */
export const describeFlavor = (id: string, description: string) =>
  write(shown, 'compute', 'PUT', pathOf(id), { flavor: { description: description.trim() || null } });

export const deleteFlavor = (id: string) => write(shown, 'compute', 'DELETE', pathOf(id));

/** setAccess adds and removes one after the other: each may be refused, and then the rest stays undone. */
export async function setAccess(id: string, before: string[], wanted: string[]): Promise<void> {
  const act = (action: string, tenant: string) =>
    write(shown, 'compute', 'POST', `${pathOf(id)}/action`, { [action]: { tenant } });
  for (const project of wanted) if (!before.includes(project)) await act('addTenantAccess', project);
  for (const project of before) if (!wanted.includes(project)) await act('removeTenantAccess', project);
}

/** setSpecs makes changes of extra specs; null takes one away. */
export async function setSpecs(id: string, change: Record<string, string | null>): Promise<void> {
  const set = Object.entries(change).filter((entry): entry is [string, string] => entry[1] !== null);
  if (set.length > 0) {
    await write(shown, 'compute', 'POST', `${pathOf(id)}/os-extra_specs`, { extra_specs: Object.fromEntries(set) });
  }
  for (const [key, value] of Object.entries(change)) {
    if (value === null) await write(shown, 'compute', 'DELETE', `${pathOf(id)}/os-extra_specs/${pathPart(key)}`);
  }
}
