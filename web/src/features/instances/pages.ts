import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/instances', section: 'compute', nav: 'instances', load: () => import('./InstancesPage') },
  { path: '/instances/launch', section: 'compute', load: () => import('./launch/LaunchPage') },
  {
    path: '/admin/instances',
    section: 'admin',
    nav: 'adminInstances',
    admin: true,
    load: () => import('./AllInstancesPage'),
  },
];
