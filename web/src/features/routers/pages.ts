import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/routers', section: 'network', nav: 'routers', load: () => import('./RouterList') },
  { path: '/routers/:id', section: 'network', load: () => import('./RouterPage') },
];
