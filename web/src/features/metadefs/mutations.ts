import { type Association, type MetadefObject, type Namespace, type PropertyType, placeOf } from '~/api/metadef';
import { write as writeTo } from '~/api/write';

const write = <T = void>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> =>
  writeTo<T>(['metadef_namespace'], 'image', method, path, body);

export const createNamespace = (document: Record<string, unknown>): Promise<Namespace> =>
  write<Namespace>('POST', '/metadefs/namespaces', document);

export type NamespaceChange = Pick<Namespace, 'visibility' | 'protected'> & {
  display_name: string;
  description: string;
};

export const updateNamespace = (name: string, change: NamespaceChange) =>
  write('PUT', placeOf(name), { namespace: name, ...change });
export const deleteNamespace = (name: string) => write('DELETE', placeOf(name));

/** before: the name that it has; '' where it is new. */
export const saveProperty = (namespace: string, before: string, property: PropertyType & { name: string }) =>
  before
    ? write('PUT', placeOf(namespace, 'properties', before), property)
    : write('POST', placeOf(namespace, 'properties'), property);
export const deleteProperty = (namespace: string, name: string) =>
  write('DELETE', placeOf(namespace, 'properties', name));

export const saveObject = (namespace: string, before: string, object: MetadefObject) =>
  before
    ? write('PUT', placeOf(namespace, 'objects', before), object)
    : write('POST', placeOf(namespace, 'objects'), object);
export const deleteObject = (namespace: string, name: string) => write('DELETE', placeOf(namespace, 'objects', name));

/** addTags adds one by one: a list would take the place of those that are there. */
export async function addTags(namespace: string, names: string[]): Promise<void> {
  for (const name of names) await write('POST', placeOf(namespace, 'tags', name));
}
export const deleteTag = (namespace: string, name: string) => write('DELETE', placeOf(namespace, 'tags', name));

export const associate = (namespace: string, type: Association) =>
  write('POST', placeOf(namespace, 'resource_types'), type);
export const dissociate = (namespace: string, type: string) =>
  write('DELETE', placeOf(namespace, 'resource_types', type));
