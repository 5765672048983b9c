import type { PageDef } from '~/app/pages';

export const pages: PageDef[] = [
  { path: '/ec2-keys', section: 'identity', nav: 'ec2Keys', load: () => import('./EC2KeysPage') },
  {
    path: '/stored-credentials',
    section: 'identity',
    nav: 'storedCredentials',
    load: () => import('./StoredCredentialsPage'),
  },
];
