import type { PageDef } from '~/app/pages';

const shared = { section: 'identity', admin: true } as const;

export const pages: PageDef[] = [
  { ...shared, path: '/catalog', nav: 'catalog', load: () => import('./CatalogPage') },
  { ...shared, path: '/catalog/:id', load: () => import('./EndpointGroupPage') },
  { ...shared, path: '/limits', nav: 'limits', load: () => import('./LimitsPage') },
];
