import { QueryClientProvider, useQuery } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { act } from 'react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { session, type TokenBody } from '~/api/session';
import { queries } from './queries';
import { useSession } from './useSession';

const body = (project: string): TokenBody => ({
  expires_at: '2030-01-01T00:00:00.000000Z',
  user: { id: 'u', name: 'user', domain: { id: 'default', name: 'Default' } },
  project: { id: project, name: project, domain: { id: 'default', name: 'Default' } },
});

beforeEach(() => vi.stubGlobal('fetch', async () => new Response(null, { status: 204 })));
afterEach(() => {
  cleanup();
  session.end();
  vi.unstubAllGlobals();
});

function Things() {
  const { projectId } = useSession();
  const things = useQuery({ queryKey: ['thing'], queryFn: async () => `things of ${projectId}`, staleTime: 1e9 });
  return <p>{things.data ?? 'nothing yet'}</p>;
}

test('another project is not shown what the last one has', async () => {
  await session.set('token-1', body('one'));
  render(
    <QueryClientProvider client={queries}>
      <Things />
    </QueryClientProvider>,
  );
  expect(await screen.findByText('things of one')).toBeTruthy();
  await act(() => session.set('token-2', body('two')));
  expect(await screen.findByText('things of two')).toBeTruthy();
});

test('a renewed token of the same session keeps what is shown', async () => {
  await session.set('token-1', body('one'));
  queries.setQueryData(['thing'], 'kept');
  await session.set('token-2', body('one'));
  expect(queries.getQueryData(['thing'])).toBe('kept');
  session.end();
  expect(queries.getQueryData(['thing'])).toBeUndefined();
});
