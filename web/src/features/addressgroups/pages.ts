import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  {
    path: '/address-groups',
    section: 'network',
    nav: 'addressGroups',
    extension: 'address-group',
    load: () => import('./AddressGroupList'),
  },
  { path: '/address-groups/:id', section: 'network', load: () => import('./AddressGroupPage') },
];
