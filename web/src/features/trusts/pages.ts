import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/trusts', section: 'identity', nav: 'trusts', load: () => import('./TrustsPage') },
  { path: '/trusts/:id', section: 'identity', load: () => import('./TrustPage') },
];
