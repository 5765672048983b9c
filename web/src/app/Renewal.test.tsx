import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { MemoryRouter } from 'react-router-dom';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { session, type TokenBody } from '~/api/session';
import words from '~/locales/en.json';
import { startWords } from '~/test/words';
import { Renewal } from './Renewal';

const domain = { id: 'default', name: 'Default' };
const body = (project?: string): TokenBody => ({
  expires_at: '2130-01-01T00:00:00.000000Z',
  user: { id: 'u', name: 'demo', domain },
  ...(project && { project: { id: project, name: project, domain } }),
});

/** An identity service: the right password, and the projects that are left to the user. */
let projects: string[];
let asked: string[];

const json = (value: unknown, token = '') =>
  new Response(JSON.stringify(value), { status: 201, headers: { 'X-Subject-Token': token } });
const refused = () => new Response('{"error": {"message": "no"}}', { status: 401 });

async function identity(url: string, init: RequestInit): Promise<Response> {
  if (url === '/session') return new Response(null, { status: 204 });
  if (url.endsWith('/auth/projects'))
    return json({ projects: projects.map((id) => ({ id, name: id, domain_id: domain.id, enabled: true })) });
  const { auth } = JSON.parse(String(init.body));
  const project = auth.scope?.project?.id;
  asked.push(project ?? 'unscoped');
  if (auth.identity.password && auth.identity.password.user.password !== 'right') return refused();
  if (project && !projects.includes(project)) return refused();
  return json({ token: body(project) }, `token of ${project}`);
}

beforeAll(() => startWords());
beforeEach(async () => {
  projects = ['one', 'two'];
  asked = [];
  vi.stubGlobal('fetch', vi.fn(identity));
  await session.set('token-1', body('one'));
  void session.expire();
  render(
    <MemoryRouter>
      <Renewal />
    </MemoryRouter>,
  );
});
afterEach(() => vi.unstubAllGlobals());

const enter = (password: string) =>
  userEvent.type(screen.getByLabelText(`${words.login.password} (demo)`), `${password}{Enter}`);

test('the session goes on in its project, and Enter pressed twice asks once', async () => {
  await enter('right{Enter}');
  await vi.waitFor(() => expect(session.current?.token).toBe('token of one'));
  expect(asked).toEqual(['unscoped', 'one']);
  expect(session.expired).toBe(false);
});

test('a wrong password is called wrong', async () => {
  await enter('left');
  expect(await screen.findByText(words.login.wrong)).toBeTruthy();
  expect(session.expired).toBe(true);
});

test('who lost the project goes on in another one only when they say so', async () => {
  projects = ['two'];
  await enter('right');
  expect(await screen.findByText(words.login.projectGone)).toBeTruthy();
  expect(session.current?.token).toBe('token-1');
  await userEvent.click(screen.getByText('Go on in two'));
  await vi.waitFor(() => expect(session.current?.body.project?.id).toBe('two'));
  expect(screen.queryByText(words.login.projectGone)).toBeNull();
});

test('who lost the last project can only leave', async () => {
  projects = [];
  await enter('right');
  expect(await screen.findByText(words.login.projectGone)).toBeTruthy();
  expect(screen.queryByTestId('renew')).toBeNull();
  expect(screen.getByText(words.login.otherUser)).toBeTruthy();
});

test('a project lost while the token is asked for is not a wrong password', async () => {
  vi.mocked(fetch).mockImplementation(async (url, init) => {
    const answer = await identity(String(url), init ?? {});
    if (String(url).endsWith('/auth/projects')) projects = ['two'];
    return answer;
  });
  await enter('right');
  expect(await screen.findByText(words.login.projectGone)).toBeTruthy();
});
