import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/server-groups', section: 'compute', nav: 'serverGroups', load: () => import('./ServerGroupsPage') },
];
