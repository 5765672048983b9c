import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/metadefs', section: 'admin', nav: 'metadefs', admin: true, load: () => import('./NamespacesPage') },
  { path: '/metadefs/:namespace', section: 'admin', admin: true, load: () => import('./NamespacePage') },
];
