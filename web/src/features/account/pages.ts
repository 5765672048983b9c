import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/account', section: 'identity', nav: 'account', load: () => import('./AccountPage') },
];
