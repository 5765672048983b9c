import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { createMemoryRouter, RouterProvider } from 'react-router-dom';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { session, type TokenBody } from '~/api/session';
import { startWords } from '~/test/words';
import { Confirmation } from './confirm';
import { useLeaveQuestion } from './useLeaveQuestion';

const body: TokenBody = {
  expires_at: '2030-01-01T00:00:00.000000Z',
  user: { id: 'u', name: 'user', domain: { id: 'default', name: 'Default' } },
};

let asks: boolean;

function Form() {
  useLeaveQuestion(() => asks, { title: 'Leave?', body: 'It is lost.', confirmLabel: 'Leave' });
  return (
    <>
      <p>form</p>
      <Confirmation />
    </>
  );
}

function open() {
  const router = createMemoryRouter(
    [
      { path: '/form', element: <Form /> },
      { path: '/other', element: <p>other</p> },
    ],
    { initialEntries: ['/form'] },
  );
  render(<RouterProvider router={router} />);
  return (to: string) => act(() => router.navigate(to));
}

beforeAll(() => startWords());
beforeEach(async () => {
  vi.stubGlobal('fetch', async () => new Response(null, { status: 204 }));
  await session.set('token', body);
  asks = true;
});
afterEach(() => {
  session.end();
  vi.unstubAllGlobals();
});

test('a page with input is left after the question only', async () => {
  const go = open();
  await go('/other');
  await userEvent.click(await screen.findByText('Cancel'));
  expect(screen.getByText('form')).toBeTruthy();
  expect(screen.queryByText('Leave?')).toBeNull();
  await go('/other');
  await userEvent.click(await screen.findByTestId('confirm'));
  expect(await screen.findByText('other')).toBeTruthy();
});

test('nothing is asked on the same page, nor when there is nothing to lose', async () => {
  const go = open();
  await go('/form?step=2');
  expect(screen.queryByText('Leave?')).toBeNull();
  asks = false;
  await go('/other');
  expect(screen.getByText('other')).toBeTruthy();
});

test('the end of the session lets go', async () => {
  const go = open();
  act(() => void session.expire());
  await go('/other');
  expect(screen.getByText('other')).toBeTruthy();
});
