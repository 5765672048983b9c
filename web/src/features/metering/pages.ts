import type { PageDef } from '~/app/pages';

const shared = { section: 'network', admin: true, extension: 'metering' } as const;

export const pages: PageDef[] = [
  { ...shared, path: '/metering', nav: 'metering', load: () => import('./LabelList') },
  { ...shared, path: '/metering/:id', load: () => import('./LabelPage') },
];
