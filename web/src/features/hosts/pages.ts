import type { PageDef } from '~/app/pages';

const shared = { section: 'admin', admin: true } as const;

export const pages: PageDef[] = [
  { ...shared, path: '/hypervisors', nav: 'hypervisors', load: () => import('./HypervisorsPage') },
  { ...shared, path: '/hypervisors/:id', load: () => import('./HypervisorPage') },
  { ...shared, path: '/aggregates', nav: 'aggregates', load: () => import('./AggregatesPage') },
  { ...shared, path: '/zones', nav: 'zones', load: () => import('./ZonesPage') },
];
