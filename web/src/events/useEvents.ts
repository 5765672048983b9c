import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { askAgain } from '~/api/again';
import { shownBy } from '~/api/shows';
import { type Change, follow } from './stream';
import { whileVisible } from './visible';

/** Changes that come within this time, in ms, lead to one question. */
const gather = 150;

/** useEvents makes what is on the screen follow the cloud. */
export function useEvents(token: string): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!token) return;
    const changed = new Map<string, Set<string>>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = () => {
      timer = undefined;
      const now = new Map(changed);
      changed.clear();
      askAgain(client, ({ queryKey: [kind, id] }) => {
        const ids = now.get(String(kind));
        // Pages of other objects of the same kind have not changed: their keys have another id in the second place.
        return ids !== undefined && (typeof id !== 'string' || ids.has(id) || ids.has(''));
      });
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
          for (const other of shownBy(change.resource)) note(other, '');
        },
        onReset: () => askAgain(client, () => true),
      }),
    );
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [token, client]);
}
