import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { renderHook, waitFor } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { collect } from './client';
import { useServers } from './compute';

vi.mock('./client', () => ({ collect: vi.fn(async () => []), call: vi.fn() }));

test.each([
  [false, { limit: 1000 }],
  [true, { limit: 1000, all_tenants: 1, soft_deleted: true }],
])('servers of all projects are with those that can be restored: %s', async (everywhere, query) => {
  const client = new QueryClient();
  renderHook(() => useServers(everywhere), {
    wrapper: ({ children }) => <QueryClientProvider client={client}>{children}</QueryClientProvider>,
  });
  await waitFor(() => expect(collect).toHaveBeenLastCalledWith('compute', '/servers/detail', 'servers', { query }));
});
