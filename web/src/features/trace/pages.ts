import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/trace', section: 'network', nav: 'trace', extension: 'port-trace', load: () => import('./TracePage') },
];
