import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/floating-ips', section: 'network', nav: 'floatingips', load: () => import('./FloatingIPList') },
  { path: '/floating-ips/:id', section: 'network', load: () => import('./FloatingIPPage') },
];
