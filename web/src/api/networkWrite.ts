import { queries } from '~/app/queries';
import { call } from './client';

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

/** Resources that show more than themselves, beside the resource that is written. */
const shown: Record<Kind, string[]> = {
  network: ['subnet', 'port'],
  subnet: ['network', 'port'],
  port: ['network', 'router', 'floatingip', 'server'],
  router: ['port', 'floatingip', 'network'],
  floatingip: ['port', 'server', 'network'],
  security_group: ['port'],
  security_group_rule: ['security_group'],
};

/** stale makes what is on the screen of a resource be asked again at once; other sessions learn of it by the event. */
export async function stale(kind: Kind): Promise<void> {
  await Promise.all(
    [kind, ...shown[kind], 'usage'].map((resource) => queries.invalidateQueries({ queryKey: [resource] })),
  );
}

async function write<T>(kind: Kind, method: string, path: string, body?: unknown): Promise<T> {
  try {
    return await call<T>('network', method, `/${collections[kind]}${path}`, { body });
  } finally {
    // A refusal too may mean that what is shown is old. Nobody waits for the answers.
    void stale(kind);
  }
}

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
