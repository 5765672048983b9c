import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen, within } from '@testing-library/react';
import { MemoryRouter } from 'react-router-dom';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { call, collect } from '~/api/client';
import { ApiError } from '~/api/error';
import common from '~/locales/en.json';
import { startWords } from '~/test/words';
import words from './en.json';
import OverviewPage from './OverviewPage';

vi.mock('~/app/useSession', () => ({ useSession: () => ({ projectId: 'p', isAdmin: false, body: {} }) }));
vi.mock('~/api/client', async (original) => ({ ...(await original<object>()), call: vi.fn(), collect: vi.fn() }));
vi.mock('./FirstSteps', () => ({ FirstSteps: () => null }));

let broken: string[];
const answer = (path: string, right: unknown) =>
  broken.some((part) => path.startsWith(part))
    ? Promise.reject(new ApiError(403, `no ${path}`))
    : Promise.resolve(right as never);

beforeAll(async () => {
  await startWords('overview', words);
  await import('./Charts'); // the page loads them late
});
beforeEach(() => {
  vi.mocked(collect).mockImplementation((_, path) => answer(path, []));
  vi.mocked(call).mockImplementation((_, __, path) =>
    answer(path, {
      limits: { absolute: {} },
      quota: { network: { used: 0, limit: 1 } },
      keypairs: [],
      servers: [],
    }),
  );
});

function open(...parts: string[]) {
  broken = parts;
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={client}>
      <MemoryRouter>
        <OverviewPage />
      </MemoryRouter>
    </QueryClientProvider>,
  );
}
const part = (id: string) => within(screen.getByTestId(id));

test('all parts are there', async () => {
  open();
  expect(await part('quotas').findByTestId('quota-instances')).toBeTruthy();
  expect(part('quotas').getByTestId('quota-network')).toBeTruthy();
  expect(await part('by-state').findByText(words.noInstances)).toBeTruthy();
  expect(await part('recent').findByText(words.noActions)).toBeTruthy();
  expect(screen.queryByText(words.quotasPartial)).toBeNull();
});

test('instances that could not be had are said so in both parts', async () => {
  open('/servers');
  for (const id of ['by-state', 'recent']) {
    expect(await part(id).findByText(common.loadFailed)).toBeTruthy();
    expect(part(id).getByText(/no \/servers/)).toBeTruthy();
  }
});

test.each([
  ['/limits', 'quota-network'],
  ['/quotas', 'quota-instances'],
])('without %s the other quotas are shown', async (path, shown) => {
  open(path);
  expect(await part('quotas').findByTestId(shown)).toBeTruthy();
  expect(await part('quotas').findByText(words.quotasPartial)).toBeTruthy();
});

test('quotas that could not be had are said so', async () => {
  open('/limits', '/quotas');
  expect(await part('quotas').findByText(common.loadFailed)).toBeTruthy();
});
