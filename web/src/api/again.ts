import type { Query, QueryClient } from '@tanstack/react-query';

/** Questions that are asked once more when their answer is there. */
const late = new WeakSet<Query>();

/**
 * askAgain makes queries old, and asks those that are on the screen again. One that is on its way is let come to its end and is
 * asked once more then: it may have been answered before the change, and under many changes it would never end otherwise.
 */
export function askAgain(client: QueryClient, concerns: (query: Query) => boolean): void {
  for (const query of client.getQueryCache().findAll({ predicate: concerns, fetchStatus: 'fetching' })) {
    if (late.has(query)) continue;
    late.add(query);
    const more = () => {
      late.delete(query);
      askAgain(client, (other) => other === query);
    };
    query.promise?.then(more, more);
  }
  void client.invalidateQueries(
    { predicate: (query) => concerns(query) && query.state.fetchStatus !== 'fetching' },
    { cancelRefetch: false },
  );
}
