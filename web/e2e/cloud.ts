import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type APIRequestContext, expect } from '@playwright/test';
import { admin } from './support';

const run = promisify(execFile);

/** The APIs as somebody else speaks to them, beside the browser. */
export interface Api {
  token: string;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, data: object, more?: Record<string, string>): Promise<T>;
  put(path: string, data: Buffer): Promise<void>;
  remove(path: string): Promise<void>;
  /** Waits until something that was deleted is not there any more. */
  gone(path: string): Promise<void>;
}

export async function api(
  request: APIRequestContext,
  user = admin.user,
  password = admin.password,
  project = 'admin',
): Promise<Api> {
  const domain = { id: 'default' };
  const answer = await request.post('/identity/v3/auth/tokens', {
    data: {
      auth: {
        identity: { methods: ['password'], password: { user: { name: user, password, domain } } },
        scope: { project: { name: project, domain } },
      },
    },
  });
  expect(answer.ok(), await answer.text()).toBe(true);
  const token = answer.headers()['x-subject-token'] ?? '';
  const headers = { 'X-Auth-Token': token };
  return {
    token,
    async get<T>(path: string) {
      const found = await request.get(path, { headers });
      expect(found.ok(), `${path}: ${await found.text()}`).toBe(true);
      return (await found.json()) as T;
    },
    async post<T>(path: string, data: object, more: Record<string, string> = {}) {
      const made = await request.post(path, { headers: { ...headers, ...more }, data });
      expect(made.ok(), `${path}: ${await made.text()}`).toBe(true);
      return (await made.json()) as T;
    },
    async put(path, data) {
      const done = await request.put(path, {
        headers: { ...headers, 'Content-Type': 'application/octet-stream' },
        data,
      });
      expect(done.ok(), path).toBe(true);
    },
    async remove(path) {
      await request.delete(path, { headers });
    },
    async gone(path) {
      await expect.poll(async () => (await request.get(path, { headers })).status(), { timeout: 60_000 }).toBe(404);
    },
  };
}

/** The program and the state of the cloud under test; undefined when the cloud is not the test's own. */
const own =
  process.env.WISP_BINARY && process.env.WISP_STATE_DIR
    ? { binary: process.env.WISP_BINARY, state: process.env.WISP_STATE_DIR }
    : undefined;

/** accidents can happen to a cloud that is the test's own. */
export const accidents = {
  possible: own !== undefined,
  /** Ends the cloud's process without a chance to say goodbye. */
  async kill(): Promise<void> {
    if (!own) throw new Error("this cloud is not the test's own");
    const pid = Number(await readFile(join(own.state, 'wisp.pid'), 'utf8'));
    if (!(pid > 1)) throw new Error(`wisp.pid holds no process id: ${pid}`);
    process.kill(pid, 'SIGKILL');
  },
  async restart(): Promise<void> {
    if (!own) throw new Error("this cloud is not the test's own");
    await run(own.binary, ['up', '--state-dir', own.state]);
  },
};
