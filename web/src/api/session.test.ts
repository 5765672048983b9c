import { afterEach, expect, test, vi } from 'vitest';
import { renew, session, switchProject, type TokenBody } from './session';

const domain = { id: 'default', name: 'Default' };
const body: TokenBody = {
  expires_at: '2030-01-01T00:00:00Z',
  user: { id: 'u', name: 'demo', domain },
  project: { id: 'p', name: 'demo', domain },
};

afterEach(() => {
  session.end();
  vi.unstubAllGlobals();
});

test('a log-out while the session is renewed is not undone', async () => {
  const json = (value: unknown) => new Response(JSON.stringify(value), { headers: { 'X-Subject-Token': 'next' } });
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url);
    if (url === '/session') return new Response(null, { status: 204 });
    if (!url.endsWith('/auth/projects')) return json({ token: body });
    session.end();
    return json({ projects: [{ id: 'p', name: 'demo', domain_id: 'default', enabled: true }] });
  });
  await session.set('first', body);
  await renew('right');
  expect(asked).toEqual([
    '/session',
    '/identity/v3/auth/tokens',
    '/identity/v3/auth/projects',
    '/identity/v3/auth/tokens',
  ]);
  expect(session.current).toBeNull();
});

test.each([
  [404, true, 'the token is gone, and the session with it'],
  [401, false, 'the project is not for this user, who goes on'],
])('a refused switch of the project: %i', async (status, expired) => {
  vi.stubGlobal('fetch', async (url: string) =>
    url === '/session'
      ? new Response(null, { status: 204 })
      : new Response(JSON.stringify({ error: { message: 'no' } }), { status }),
  );
  await session.set('first', body);
  await expect(switchProject('other')).rejects.toMatchObject({ status });
  expect(session.expired).toBe(expired);
});
