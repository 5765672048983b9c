import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { call, collect, endpoint, ownerGone, pathPart, reach } from './client';
import { ApiError } from './error';
import { session, type TokenBody } from './session';

const body: TokenBody = {
  expires_at: '2030-01-01T00:00:00Z',
  user: { id: 'u', name: 'demo', domain: { id: 'default', name: 'Default' } },
  project: { id: 'p', name: 'demo', domain: { id: 'default', name: 'Default' } },
  catalog: [
    {
      type: 'compute',
      name: 'nova',
      id: 'c',
      endpoints: [
        { id: 'e', interface: 'public', region: 'One', region_id: 'One', url: 'http://elsewhere:5000/compute/v2.1' },
      ],
    },
  ],
};

const answers: ((url: string, init: RequestInit) => Response | Promise<Response>)[] = [];
const asked: { url: string; init: RequestInit }[] = [];
const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });

beforeEach(async () => {
  answers.length = 0;
  asked.length = 0;
  vi.stubGlobal('fetch', async (url: string, init: RequestInit = {}) => {
    if (url === '/session') return new Response(null, { status: 204 });
    asked.push({ url, init });
    const answer = answers.shift();
    if (!answer) throw new TypeError('nothing answers');
    return answer(url, init);
  });
  await session.set('token-1', body);
});

afterEach(() => {
  session.end();
  vi.unstubAllGlobals();
});

const tokenOf = (n: number) => new Headers(asked[n]?.init.headers).get('X-Auth-Token');

test("services are asked on the page's own origin, whatever host the catalog names", () => {
  expect(endpoint('compute')).toBe('/compute/v2.1');
  expect(() => endpoint('image')).toThrow(ApiError);
});

test('a request that is refused waits for a new session and is sent again', async () => {
  answers.push(
    () => json({ error: { message: 'expired' } }, 401),
    () => json({ servers: [] }),
  );
  const answer = call<{ servers: [] }>('compute', 'GET', '/servers');
  await vi.waitFor(() => expect(session.expired).toBe(true));
  await session.set('token-2', body);
  expect(await answer).toEqual({ servers: [] });
  expect([tokenOf(0), tokenOf(1)]).toEqual(['token-1', 'token-2']);
});

test('a request that waits for a session ends with the log-out', async () => {
  answers.push(() => json({}, 401));
  const answer = call('compute', 'DELETE', '/servers/1');
  await vi.waitFor(() => expect(session.expired).toBe(true));
  session.end();
  await expect(answer).rejects.toMatchObject({ status: 401, type: ownerGone });
});

test.each([
  ['user', { ...body, user: { ...body.user, id: 'other' } }],
  ['project', { ...body, project: { ...body.user, id: 'other' } }],
])('a refused request is not sent again for another %s', async (_, other) => {
  answers.push(async () => {
    session.end();
    await session.set('token-2', other);
    return json({}, 401);
  });
  await expect(call('compute', 'DELETE', '/servers/1')).rejects.toMatchObject({ type: ownerGone });
  expect(asked).toHaveLength(1);
});

test('silence is an error of status 0 and is noted', async () => {
  await expect(call('compute', 'GET', '/servers')).rejects.toMatchObject({ status: 0 });
  expect(reach.get()).toBe(false);
  answers.push(() => json({}));
  await call('compute', 'GET', '/servers');
  expect(reach.get()).toBe(true);
});

test('a list follows its links to the end', async () => {
  answers.push(
    () =>
      json({ servers: [1, 2], servers_links: [{ rel: 'next', href: 'http://elsewhere/x?marker=2&tags=a&tags=b' }] }),
    () => json({ servers: [3] }),
  );
  expect(await collect('compute', '/servers', 'servers', { query: { limit: 2 } })).toEqual([1, 2, 3]);
  expect(asked[1]?.url).toBe('/compute/v2.1/servers?marker=2&tags=a&tags=b');
});

test('a name is one part of a path', () => {
  expect(pathPart('me@host.example')).toBe('me@host.example');
  expect(pathPart('hw:cpu policy')).toBe('hw:cpu%20policy');
  expect(pathPart('a/b?c#d%40')).toBe('a%2Fb%3Fc%23d%2540');
});
