import { write } from '~/api/write';

export const policies = ['anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity'] as const;
export type Policy = (typeof policies)[number];

/** createGroup: only anti-affinity may say how many of its servers share a host; '' leaves it at one. */
export const createGroup = (name: string, policy: Policy, perHost: string) =>
  write(['server_group'], 'compute', 'POST', '/os-server-groups', {
    server_group: {
      name: name.trim(),
      policy,
      ...(policy === 'anti-affinity' && perHost && { rules: { max_server_per_host: Number(perHost) } }),
    },
  });

export const deleteGroup = (id: string) => write(['server_group'], 'compute', 'DELETE', `/os-server-groups/${id}`);
