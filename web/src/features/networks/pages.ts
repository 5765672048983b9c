import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/networks', section: 'network', nav: 'networks', load: () => import('./NetworkList') },
  { path: '/networks/:id', section: 'network', load: () => import('./NetworkPage') },
  { path: '/ports/:id', section: 'network', load: () => import('./PortPage') },
  { path: '/admin/networks', section: 'admin', nav: 'adminNetworks', admin: true, load: () => import('./AllNetworks') },
];
