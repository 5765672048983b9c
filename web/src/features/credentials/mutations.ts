import type { ApplicationCredential } from '~/api/identity';
import { write } from '~/api/write';
import type { AccessRule } from './accessRules';

export interface NewCredential {
  name: string;
  description?: string;
  expires_at?: string;
  /** By id; all roles of the session if not given. */
  roles?: { id: string }[];
  unrestricted?: boolean;
  access_rules?: AccessRule[];
  /** Made by the cloud if not given. */
  secret?: string;
}

const path = (user: string) => `/users/${user}/application_credentials`;

export const createCredential = (user: string, credential: NewCredential) =>
  write<{ application_credential: ApplicationCredential & { secret: string } }>(
    ['application_credential', 'access_rule'],
    'identity',
    'POST',
    path(user),
    { application_credential: credential },
  ).then((a) => a.application_credential);

export const deleteCredential = (user: string, id: string) =>
  write(['application_credential'], 'identity', 'DELETE', `${path(user)}/${id}`);

export const deleteAccessRule = (user: string, id: string) =>
  write(['access_rule'], 'identity', 'DELETE', `/users/${user}/access_rules/${id}`);
