import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/images', section: 'compute', nav: 'images', load: () => import('./ImagesPage') },
  { path: '/images/:id', section: 'compute', load: () => import('./ImagePage') },
];
