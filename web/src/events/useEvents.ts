import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { type Change, follow } from './stream';
import { whileVisible } from './visible';

/** Changes that come within this time, in ms, lead to one question. */
const gather = 150;

/**
 * Resources that show more than themselves: when the first changes, the others are asked again too. A port is part of what a
 * network's, a router's, a floating IP's and a server's page show.
 */
const implied: Record<string, string[]> = {
  server: ['hypervisor', 'usage', 'server_group'],
  port: ['router', 'floatingip', 'network'],
  subnet: ['network'],
  floatingip: ['server'],
  security_group_rule: ['security_group'],
  role_assignment: ['user', 'project', 'group'],
  aggregate: ['zone', 'compute_service'],
  service: ['compute_service', 'hypervisor', 'zone'],
  resource_provider: ['hypervisor'],
  quota_set: ['usage'],
  network_quota: ['usage'],
};

/** useEvents makes what is on the screen follow the cloud. */
export function useEvents(token: string): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!token) return;
    const changed = new Map<string, Set<string>>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = () => {
      timer = undefined;
      const now = [...changed];
      changed.clear();
      for (const [resource, ids] of now) {
        void client.invalidateQueries({
          // Pages of other objects of the same kind have not changed: their keys have another id in the second place.
          predicate: ({ queryKey: [kind, id] }) =>
            kind === resource && (typeof id !== 'string' || ids.has(id) || ids.has('')),
        });
      }
    };
    const note = (resource: string, id: string) => {
      const ids = changed.get(resource) ?? new Set<string>();
      changed.set(resource, ids.add(id));
      timer ??= setTimeout(ask, gather);
    };
    const stop = whileVisible(() =>
      follow({
        onChange(change: Change) {
          note(change.resource, change.id);
          for (const other of implied[change.resource] ?? []) note(other, '');
        },
        // What is on its way already is new enough.
        onReset: () => void client.invalidateQueries(undefined, { cancelRefetch: false }),
      }),
    );
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [token, client]);
}
