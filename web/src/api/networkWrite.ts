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
  subnetpool: 'subnetpools',
  address_scope: 'address-scopes',
  address_group: 'address-groups',
  rbac_policy: 'rbac-policies',
  metering_label: 'metering/metering-labels',
  metering_label_rule: 'metering/metering-label-rules',
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

/** setTags replaces the tags of a thing. */
export const setTags = (kind: Kind, id: string, tags: string[]): Promise<void> =>
  write(kind, 'PUT', `/${id}/tags`, { tags });

const scheduled = {
  dhcp: { path: 'dhcp-networks', key: 'network_id', shows: 'network' },
  l3: { path: 'l3-routers', key: 'router_id', shows: 'router' },
} as const;

/** schedule gives an agent the DHCP of a network or a router to carry; unschedule takes it away. */
export const schedule = (kind: keyof typeof scheduled, agent: string, id: string): Promise<void> => {
  const { path, key, shows } = scheduled[kind];
  return writeTo(['agent', shows], 'network', 'POST', `/agents/${agent}/${path}`, { [key]: id });
};
export const unschedule = (kind: keyof typeof scheduled, agent: string, id: string): Promise<void> => {
  const { path, shows } = scheduled[kind];
  return writeTo(['agent', shows], 'network', 'DELETE', `/agents/${agent}/${path}/${id}`);
};
