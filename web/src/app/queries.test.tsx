import { QueryClientProvider, useQuery } from '@tanstack/react-query';
import { act, cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ownerGone } from '~/api/client';
import { ApiError } from '~/api/error';
import { session, type TokenBody } from '~/api/session';
import { Confirmation, confirm } from '~/ui/confirm';
import { Notifications, notify } from '~/ui/notify';
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

test('messages and questions go with their owner', async () => {
  await session.set('token-1', body('one'));
  render(
    <>
      <Notifications />
      <Confirmation />
    </>,
  );
  let answer: Promise<boolean> | undefined;
  act(() => {
    notify.success('done in one');
    answer = confirm({ title: 'Delete what is in one?', body: '', confirmLabel: 'Yes' });
  });
  expect(screen.getByText('Delete what is in one?')).toBeTruthy();
  await act(() => session.set('token-2', body('one')));
  expect(screen.getByText('done in one')).toBeTruthy();
  await act(() => session.set('token-3', body('two')));
  expect(await answer).toBe(false);
  expect(screen.queryByText('Delete what is in one?')).toBeNull();
  cleanup(); // a message fades away, which takes a browser
  render(<Notifications />);
  expect(screen.queryByText('done in one')).toBeNull();
});

test('a failure of what the last owner did is not told to the next', async () => {
  await session.set('token-1', body('one'));
  render(<Notifications />);
  act(() => notify.error('secret', new ApiError(401, 'The session has ended.', ownerGone)));
  expect(screen.queryByText('secret')).toBeNull();
});
