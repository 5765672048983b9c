import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/topology', section: 'network', nav: 'topology', load: () => import('./TopologyPage') },
];
