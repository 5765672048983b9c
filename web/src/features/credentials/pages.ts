import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/credentials', section: 'identity', nav: 'credentials', load: () => import('./CredentialsPage') },
];
