import { QueryClient } from '@tanstack/react-query';
import { ApiError } from '~/api/error';
import { session } from '~/api/session';

/**
 * Keys of queries begin with the resource's name as events have it: ['server'], ['server', id], ['server', id, 'actions'].
 * A change of a server makes all queries below ['server'] stale, and those that are on the screen are asked again.
 */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: false,
      // An answer that says no is final; silence is not.
      retry: (failures, error) =>
        error instanceof ApiError && !error.unreachable && error.status < 500 ? false : failures < 3,
      retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 5_000),
      networkMode: 'always',
    },
    mutations: { retry: false, networkMode: 'always' },
  },
});

// What one user sees in one project is nobody else's.
session.onOwner(() => queries.clear());
