import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/keypairs', section: 'compute', nav: 'keypairs', load: () => import('./KeyPairsPage') },
];
