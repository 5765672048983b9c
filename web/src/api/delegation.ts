import { useQuery } from '@tanstack/react-query';
import { call, collect } from './client';
import type { Ref } from './identity';

// What users hand out of their rights, and the secrets that they keep: types as in the Identity API v3 reference.

/** Somebody (the trustor) lets somebody else (the trustee) act with some of their roles in a project. */
export interface Trust {
  id: string;
  trustor_user_id: string;
  trustee_user_id: string;
  project_id: string | null;
  /** Whether what is done looks as if the trustor did it. */
  impersonation: boolean;
  expires_at: string | null;
  /** null: as often as wanted. */
  remaining_uses: number | null;
  redelegation_count: number;
  redelegated_trust_id: string | null;
  /** Only of a trust that was asked for by itself. */
  roles?: Ref[];
}

/** A key for programs that speak the EC2 or S3 API. */
export interface EC2Key {
  access: string;
  secret: string;
  tenant_id: string | null;
  user_id: string;
  trust_id: string | null;
}

export interface StoredCredential {
  id: string;
  user_id: string;
  project_id: string | null;
  type: string;
  blob: string;
}

/** Trusts that a user has given, or was given. */
export const useTrusts = (side: 'trustor' | 'trustee', user: string) =>
  useQuery({
    queryKey: ['trust', { side, user }],
    queryFn: () => collect<Trust>('identity', '/OS-TRUST/trusts', 'trusts', { query: { [`${side}_user_id`]: user } }),
  });

export const useTrust = (id: string) =>
  useQuery({
    queryKey: ['trust', id],
    queryFn: () => call<{ trust: Trust }>('identity', 'GET', `/OS-TRUST/trusts/${id}`).then((a) => a.trust),
  });

export const useEC2Keys = (user: string) =>
  useQuery({
    queryKey: ['credential', { ec2: user }],
    queryFn: () => collect<EC2Key>('identity', `/users/${user}/credentials/OS-EC2`, 'credentials'),
  });

/** What the user keeps beside EC2 keys, which have a page of their own. */
export const useStoredCredentials = (user: string) =>
  useQuery({
    queryKey: ['credential', { user }],
    queryFn: () => collect<StoredCredential>('identity', '/credentials', 'credentials', { query: { user_id: user } }),
    select: (all) => all.filter((c) => c.type !== 'ec2'),
  });

/** A program that may ask users for access by OAuth 1. */
export interface Consumer {
  id: string;
  description: string | null;
  /** Given once, in the answer to the create. */
  secret?: string;
}

export const useConsumers = () =>
  useQuery({
    queryKey: ['consumer'],
    queryFn: () => collect<Consumer>('identity', '/OS-OAUTH1/consumers', 'consumers'),
  });

/** What a consumer may do for a user, who has authorized it. */
export interface AccessToken {
  id: string;
  consumer_id: string;
  project_id: string;
  authorizing_user_id: string;
  expires_at: string | null;
}

/** Access that a user has given to consumers. */
export const useAccessTokens = (user: string) =>
  useQuery({
    queryKey: ['access_token', { user }],
    queryFn: () => collect<AccessToken>('identity', `/users/${user}/OS-OAUTH1/access_tokens`, 'access_tokens'),
  });
