import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { session, type TokenBody } from '~/api/session';
import words from '~/locales/en.json';
import { startWords } from '~/test/words';
import Login from './Login';

const domain = { id: 'default', name: 'Default' };
const body: TokenBody = {
  expires_at: '2130-01-01T00:00:00.000000Z',
  user: { id: 'u1', name: 'demo', domain },
  project: { id: 'p', name: 'p', domain },
};

/** An identity service with one user, whose password has expired until another one is set. */
let password: string;
let expired: boolean;

const answer = (status: number, value: unknown) =>
  new Response(JSON.stringify(value), { status, headers: { 'X-Subject-Token': 'token' } });
const refused = (status: number, message: string) => answer(status, { error: { message } });

async function identity(url: string, init: RequestInit): Promise<Response> {
  if (url === '/session') return new Response(null, { status: 204 });
  if (url.endsWith('/auth/projects'))
    return answer(200, { projects: [{ id: 'p', name: 'p', domain_id: domain.id, enabled: true }] });
  const sent = JSON.parse(String(init.body));
  if (url === '/identity/v3/users/u1/password') {
    if (sent.user.original_password !== password) return refused(401, 'no');
    if (sent.user.password === 'weak') return refused(400, 'The password does not match the requirements: Strong.');
    password = sent.user.password;
    expired = false;
    return new Response(null, { status: 204 });
  }
  const proof = sent.auth.identity.password;
  if (proof && proof.user.password !== password) return refused(401, 'no');
  if (proof && expired) return refused(401, 'The password is expired and needs to be changed for user: u1.');
  return answer(201, { token: body });
}

beforeAll(() => startWords());
beforeEach(() => {
  password = 'old';
  expired = true;
  vi.stubGlobal('fetch', vi.fn(identity));
  render(<Login />);
});
afterEach(() => {
  session.end();
  vi.unstubAllGlobals();
});

const logIn = async (secret: string) => {
  await userEvent.type(screen.getByLabelText(words.login.user), 'demo');
  await userEvent.type(screen.getByLabelText(words.login.password), `${secret}{Enter}`);
};

const choose = async (secret: string) => {
  for (const label of [words.newPassword, words.repeatPassword]) {
    await userEvent.clear(screen.getByLabelText(label));
    await userEvent.type(screen.getByLabelText(label), secret);
  }
  await userEvent.click(screen.getByText(words.login.change));
};

test('an expired password is changed at the log-in, and the rules for it are told', async () => {
  await logIn('old');
  expect((await screen.findByTestId('password-expired')).textContent).toContain('demo');
  await choose('weak');
  expect((await screen.findByTestId('login-failure')).textContent).toContain('requirements: Strong.');
  expect(session.current).toBeNull();
  await choose('strong');
  await vi.waitFor(() => expect(session.current?.token).toBe('token'));
  expect(password).toBe('strong');
});

test('a wrong password says nothing of its end', async () => {
  await logIn('wrong');
  expect((await screen.findByTestId('login-failure')).textContent).toContain(words.login.wrong);
  expect(screen.queryByTestId('password-expired')).toBeNull();
});

test('whose password has expired may be somebody else', async () => {
  await logIn('old');
  await screen.findByTestId('password-expired');
  await userEvent.click(screen.getByText(words.login.otherUser));
  expect((screen.getByLabelText(words.login.user) as HTMLInputElement).value).toBe('demo');
  expect((screen.getByLabelText(words.login.password) as HTMLInputElement).value).toBe('');
});
