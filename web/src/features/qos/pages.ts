import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/qos', section: 'network', nav: 'qos', extension: 'qos', load: () => import('./PolicyList') },
  { path: '/qos/:id', section: 'network', extension: 'qos', load: () => import('./PolicyPage') },
];
