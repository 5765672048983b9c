import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/instances/:id', section: 'compute', load: () => import('./InstancePage') },
  { path: '/console/vnc', section: 'compute', bare: true, load: () => import('./console/ScreenPage') },
];
