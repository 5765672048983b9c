import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/security-groups', section: 'network', nav: 'securityGroups', load: () => import('./GroupList') },
  { path: '/security-groups/:id', section: 'network', load: () => import('./GroupPage') },
];
