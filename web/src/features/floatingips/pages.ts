import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/floating-ips', section: 'network', nav: 'floatingips', load: () => import('./FloatingIPList') },
];
