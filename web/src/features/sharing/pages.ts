import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  {
    path: '/sharing',
    section: 'network',
    nav: 'sharing',
    extension: 'rbac-policies',
    load: () => import('./SharingPage'),
  },
];
