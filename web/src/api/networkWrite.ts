import { write as writeTo } from './write';

/** Resources of the Networking API that are written, and their collections. */
const collections = {
  network: 'networks',
  subnet: 'subnets',
  port: 'ports',
  router: 'routers',
  floatingip: 'floatingips',
  security_group: 'security-groups',
  security_group_rule: 'security-group-rules',
} as const;
export type Kind = keyof typeof collections;
export type Fields = Record<string, unknown>;

const write = <T = void>(kind: Kind, method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> =>
  writeTo<T>([kind], 'network', method, `/${collections[kind]}${path}`, body);

export const create = <T>(kind: Kind, fields: Fields): Promise<T> =>
  write<Record<Kind, T>>(kind, 'POST', '', { [kind]: fields }).then((a) => a[kind]);

/** createMany makes all or none; the API takes lists under the plural. */
export const createMany = (kind: Kind, items: Fields[]): Promise<void> =>
  write(kind, 'POST', '', { [`${kind}s`]: items });

export const update = (kind: Kind, id: string, fields: Fields): Promise<void> =>
  write(kind, 'PUT', `/${id}`, { [kind]: fields });

/** member is PUT /routers/{id}/add_router_interface and its like. */
export const member = (kind: Kind, id: string, verb: string, body: Fields): Promise<void> =>
  write(kind, 'PUT', `/${id}/${verb}`, body);

export const remove = (kind: Kind, id: string): Promise<void> => write(kind, 'DELETE', `/${id}`);
