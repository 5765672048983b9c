import { useQuery } from '@tanstack/react-query';
import { call, collect, pathPart } from './client';

// Types as in the Image API's reference of metadata definitions; only what the dashboard uses.

/** What values a property can have: a JSON schema of one value. */
export interface PropertyType {
  title: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'array';
  description?: string;
  enum?: string[];
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  readonly?: boolean;
  items?: { type: string; enum?: string[] };
}

export interface MetadefObject {
  name: string;
  description?: string;
  required?: string[];
  properties?: Record<string, PropertyType>;
}

/** A kind of thing that a namespace is for; its properties stand there with the prefix. */
export interface Association {
  name: string;
  prefix?: string | null;
  properties_target?: string | null;
}

export interface Namespace {
  namespace: string;
  display_name?: string;
  description?: string;
  visibility: 'public' | 'private';
  protected: boolean;
  owner: string;
  created_at: string;
  updated_at: string;
  resource_type_associations?: Association[];
  properties?: Record<string, PropertyType>;
  objects?: MetadefObject[];
  tags?: { name: string }[];
}

const namespaces = '/metadefs/namespaces';
/** placeOf is the path of a namespace, or of what is in it. */
export const placeOf = (namespace: string, ...inside: string[]): string =>
  [namespaces, pathPart(namespace), ...inside.map(pathPart)].join('/');

const list = (type?: string) =>
  collect<Namespace>('image', namespaces, 'namespaces', { query: { limit: 100, resource_types: type } });

/** A namespace with all that is in it; with a type of resource, its names have the prefix of that. */
const one = (name: string, type?: string) =>
  call<Namespace>('image', 'GET', placeOf(name), { query: { resource_type: type } });

export const useNamespaces = () => useQuery({ queryKey: ['metadef_namespace'], queryFn: () => list() });

export const useNamespace = (name: string) =>
  useQuery({ queryKey: ['metadef_namespace', name], queryFn: () => one(name) });

/** All that is defined for a type of resource: one question for each namespace of it, and there are few. */
export const useDefinitions = (type: string) =>
  useQuery({
    queryKey: ['metadef_namespace', { type }],
    queryFn: async () => Promise.all((await list(type)).map((n) => one(n.namespace, type))),
    staleTime: 60_000,
  });

export const useResourceTypes = () =>
  useQuery({
    queryKey: ['metadef_namespace', { types: true }],
    queryFn: () =>
      call<{ resource_types: { name: string }[] }>('image', 'GET', '/metadefs/resource_types').then((a) =>
        a.resource_types.map((one) => one.name),
      ),
  });
