import type { PageDef } from '~/app/pages';

const shared = { section: 'identity', admin: true } as const;

export const pages: PageDef[] = [
  { ...shared, path: '/projects', nav: 'projects', load: () => import('./ProjectsPage') },
  { ...shared, path: '/projects/:id', load: () => import('./ProjectPage') },
  { ...shared, path: '/users', nav: 'users', load: () => import('./UsersPage') },
  { ...shared, path: '/users/:id', load: () => import('./UserPage') },
  { ...shared, path: '/groups', nav: 'groups', load: () => import('./GroupsPage') },
  { ...shared, path: '/groups/:id', load: () => import('./GroupPage') },
  { ...shared, path: '/roles', nav: 'roles', load: () => import('./RolesPage') },
  { ...shared, path: '/roles/:id', load: () => import('./RolePage') },
  { ...shared, path: '/domains', nav: 'domains', load: () => import('./DomainsPage') },
  { ...shared, path: '/domains/:id', load: () => import('./DomainPage') },
];
