import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/system', section: 'overview', nav: 'system', admin: true, load: () => import('./SystemPage') },
];
