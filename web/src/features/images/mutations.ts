import { pathPart, raw } from '~/api/client';
import type { Image, ImageMember } from '~/api/image';
import { write } from '~/api/write';
import { uploads } from './upload/uploads';

const shown = ['image'];
const pathOf = (id: string) => `/images/${id}`;

export interface NewImage {
  name: string;
  disk_format: string;
  visibility: Image['visibility'];
  min_disk: number;
  min_ram: number;
  properties: Record<string, string>;
}

export const createImage = ({ properties, ...image }: NewImage): Promise<Image> =>
  write<Image>(shown, 'image', 'POST', '/images', { ...properties, ...image, container_format: 'bare' });

/** One operation of a JSON patch (RFC 6902). */
export type Patch = { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string };

/** pointer names an attribute as RFC 6901 has it. */
export const pointer = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** patchOf is what changes attributes; null takes a property away. */
export const patchOf = (change: Record<string, unknown>, before: Record<string, unknown>): Patch[] =>
  Object.entries(change).map(([name, value]) =>
    value === null
      ? { op: 'remove', path: pointer(name) }
      : { op: name in before ? 'replace' : 'add', path: pointer(name), value },
  );

export const patchImage = (image: Image, change: Record<string, unknown>): Promise<Image> =>
  write<Image>(shown, 'image', 'PATCH', pathOf(image.id), patchOf(change, image), {
    headers: { 'Content-Type': 'application/openstack-images-v2.1-json-patch' },
  });

/** deleteImage ends an upload from this page first: what it sent would be refused. */
export async function deleteImage(id: string): Promise<void> {
  uploads.cancel(id);
  await write(shown, 'image', 'DELETE', pathOf(id));
}

export const setActive = (id: string, active: boolean) =>
  write(shown, 'image', 'POST', `${pathOf(id)}/actions/${active ? 'reactivate' : 'deactivate'}`);

export const importFrom = (id: string, uri: string) =>
  write(shown, 'image', 'POST', `${pathOf(id)}/import`, { method: { name: 'web-download', uri } });

export async function setTags(image: Image, wanted: string[]): Promise<void> {
  const act = (method: 'PUT' | 'DELETE', tag: string) =>
    write(shown, 'image', method, `${pathOf(image.id)}/tags/${pathPart(tag)}`);
  for (const tag of wanted) if (!image.tags.includes(tag)) await act('PUT', tag);
  for (const tag of image.tags) if (!wanted.includes(tag)) await act('DELETE', tag);
}

export const addMember = (id: string, member: string) =>
  write(shown, 'image', 'POST', `${pathOf(id)}/members`, { member });
export const answerMember = (id: string, member: string, status: ImageMember['status']) =>
  write(shown, 'image', 'PUT', `${pathOf(id)}/members/${pathPart(member)}`, { status });
export const removeMember = (id: string, member: string) =>
  write(shown, 'image', 'DELETE', `${pathOf(id)}/members/${pathPart(member)}`);

interface Picker {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<{
    createWritable(): Promise<WritableStream<Uint8Array>>;
  }>;
}

/**
 * downloadData saves an image's data as a file. Browsers that let a page write a file take it as it comes; with others it is held
 * by the browser until it is whole. Answers false when the user chose no file.
 */
export async function downloadData(image: Image, save: (name: string, data: Blob) => void): Promise<boolean> {
  const ending = image.disk_format === 'raw' ? 'img' : image.disk_format;
  const suggestedName = `${(image.name || image.id).replace(/[^\w.-]+/g, '_')}.${ending ?? 'img'}`;
  const { showSaveFilePicker } = window as Picker;
  if (!showSaveFilePicker) {
    save(suggestedName, await (await file(image)).blob());
    return true;
  }
  let place: WritableStream<Uint8Array>;
  try {
    place = await (await showSaveFilePicker.call(window, { suggestedName })).createWritable();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return false;
    throw error;
  }
  const data = await file(image);
  await data.body?.pipeTo(place);
  return true;
}

const file = (image: Image): Promise<Response> =>
  raw('image', 'GET', `${pathOf(image.id)}/file`, { headers: { Accept: 'application/octet-stream' } });
