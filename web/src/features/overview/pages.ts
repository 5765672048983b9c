import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/', section: 'overview', nav: 'overview', load: () => import('./OverviewPage') },
];
