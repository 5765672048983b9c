import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  {
    path: '/subnet-pools',
    section: 'network',
    nav: 'subnetPools',
    extension: 'subnet_allocation',
    load: () => import('./PoolList'),
  },
  { path: '/subnet-pools/:id', section: 'network', load: () => import('./PoolPage') },
  {
    path: '/address-scopes',
    section: 'network',
    nav: 'addressScopes',
    extension: 'address-scope',
    load: () => import('./ScopeList'),
  },
  { path: '/address-scopes/:id', section: 'network', load: () => import('./ScopePage') },
];
