import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { renew, session, type TokenBody } from './session';

const domain = { id: 'default', name: 'Default' };
const body = (project?: string): TokenBody => ({
  expires_at: '2030-01-01T00:00:00.000000Z',
  user: { id: 'u', name: 'user', domain },
  ...(project && { project: { id: project, name: project, domain } }),
});

let password = '';
let projects: string[] = [];

beforeEach(async () => {
  password = 'right';
  vi.stubGlobal('fetch', async (url: string, init: RequestInit = {}) => {
    if (url === '/session') return new Response(null, { status: 204 });
    if (url === '/identity/v3/auth/projects')
      return Response.json({
        projects: projects.map((id) => ({ id, name: id, domain_id: 'default', enabled: true })),
      });
    const { auth } = JSON.parse(String(init.body));
    const given = auth.identity.password?.user.password;
    const project = auth.scope.project?.id;
    if ((given !== undefined && given !== password) || (project && !projects.includes(project)))
      return Response.json({ error: { code: 401, message: 'no' } }, { status: 401 });
    return Response.json(
      { token: body(project) },
      { status: 201, headers: { 'X-Subject-Token': `token of ${project ?? 'nothing'}` } },
    );
  });
  await session.set('old', body('one'));
});

afterEach(() => {
  session.end();
  vi.unstubAllGlobals();
});

test('a session is renewed in its project', async () => {
  projects = ['another', 'one'];
  await expect(renew('wrong')).rejects.toMatchObject({ status: 401 });
  await renew('right');
  expect(session.current?.token).toBe('token of one');
});

test('a project that is lost is said, and another is chosen by the user alone', async () => {
  projects = ['another'];
  await expect(renew('right')).rejects.toMatchObject({ status: 403, message: 'project-gone' });
  expect(session.current?.token).toBe('old');
  await renew('right', true);
  expect(session.current?.token).toBe('token of another');
  projects = [];
  await expect(renew('right', true)).rejects.toMatchObject({ status: 403, message: 'no-project' });
});

test('what waits for a session does not wait for ever', async () => {
  const waiting = session.expire();
  session.end();
  await expect(waiting).resolves.toBeUndefined();
});
