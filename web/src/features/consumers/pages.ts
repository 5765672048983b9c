import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  {
    path: '/consumers',
    section: 'identity',
    nav: 'consumers',
    admin: true,
    load: () => import('./ConsumersPage'),
  },
];
