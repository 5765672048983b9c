import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/images', section: 'compute', nav: 'images', load: () => import('./ImagesPage') },
  { path: '/images/:id', section: 'compute', load: () => import('./ImagePage') },
  { path: '/image-tasks', section: 'admin', nav: 'imageTasks', admin: true, load: () => import('./TasksPage') },
  { path: '/image-tasks/:id', section: 'admin', admin: true, load: () => import('./TaskPage') },
];
