import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/quotas', section: 'admin', nav: 'quotas', admin: true, load: () => import('./QuotasPage') },
];
