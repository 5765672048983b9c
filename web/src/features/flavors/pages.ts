import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/flavors', section: 'compute', nav: 'flavors', load: () => import('./FlavorsPage') },
];
