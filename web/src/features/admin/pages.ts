import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/quotas', section: 'admin', nav: 'quotas', admin: true, load: () => import('./QuotasPage') },
  { path: '/usage', section: 'admin', nav: 'usage', admin: true, load: () => import('./UsagePage') },
  { path: '/migrations', section: 'admin', nav: 'migrations', admin: true, load: () => import('./MigrationsPage') },
  {
    path: '/resource-providers',
    section: 'admin',
    nav: 'placement',
    admin: true,
    load: () => import('./ProvidersPage'),
  },
  { path: '/resource-providers/:id', section: 'admin', admin: true, load: () => import('./ProviderPage') },
];
