import { raw } from '~/api/client';
import type { Image } from '~/api/image';
import { write } from '~/api/write';
import { type Pair, recordOf } from '~/ui/PairsField';
import { containerOf, type DiskFormat } from './upload/sniff';

/** What is said of an image when it is made. */
export interface NewImage {
  name: string;
  format: DiskFormat;
  visibility: Image['visibility'];
  minDisk: string;
  minRam: string;
  properties: Pair[];
}

export const createImage = (v: NewImage): Promise<Image> =>
  write<Image>(['image'], 'image', 'POST', '/images', {
    ...recordOf(v.properties),
    name: v.name.trim(),
    disk_format: v.format,
    container_format: containerOf(v.format),
    visibility: v.visibility,
    min_disk: Number(v.minDisk || 0),
    min_ram: Number(v.minRam || 0),
  });

export const deleteImage = (id: string): Promise<void> => write(['image'], 'image', 'DELETE', `/images/${id}`);

/** importFrom lets the cloud fetch the data from a URL. */
export const importFrom = (id: string, uri: string): Promise<void> =>
  write(['image'], 'image', 'POST', `/images/${id}/import`, { method: { name: 'web-download', uri } });

export const setActive = (id: string, active: boolean): Promise<void> =>
  write(['image'], 'image', 'POST', `/images/${id}/actions/${active ? 'reactivate' : 'deactivate'}`);

export interface PatchStep {
  op: 'add' | 'replace' | 'remove';
  path: string;
  value?: unknown;
}

const pointer = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** patchOf is what makes one set of attributes of another; null is gone (RFC 6902). */
export function patchOf(before: Record<string, unknown>, after: Record<string, unknown>): PatchStep[] {
  return Object.entries(after).flatMap(([name, value]): PatchStep[] => {
    const path = pointer(name);
    if (value === null) return name in before ? [{ op: 'remove', path }] : [];
    if (JSON.stringify(before[name]) === JSON.stringify(value)) return [];
    return [{ op: name in before ? 'replace' : 'add', path, value }];
  });
}

/** changeImage sends what differs; nothing at all when nothing does. */
export async function changeImage(image: Image, after: Record<string, unknown>): Promise<void> {
  const steps = patchOf(image, after);
  if (steps.length === 0) return;
  await write(['image'], 'image', 'PATCH', `/images/${image.id}`, steps, {
    headers: { 'Content-Type': 'application/openstack-images-v2.1-json-patch' },
  });
}

export const addMember = (id: string, member: string): Promise<void> =>
  write(['image'], 'image', 'POST', `/images/${id}/members`, { member });
export const removeMember = (id: string, member: string): Promise<void> =>
  write(['image'], 'image', 'DELETE', `/images/${id}/members/${member}`);
export const answerShare = (id: string, member: string, status: 'accepted' | 'rejected'): Promise<void> =>
  write(['image'], 'image', 'PUT', `/images/${id}/members/${member}`, { status });

/** imageData fetches the whole image, for saving it as a file. */
export async function imageData(id: string): Promise<Blob> {
  const answer = await raw('image', 'GET', `/images/${id}/file`, { headers: { Accept: 'application/octet-stream' } });
  return answer.blob();
}
