import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { session, type TokenBody } from '~/api/session';
import { perform } from './actions';
import { notify } from './notify';

const domain = { id: 'default', name: 'Default' };
const body = (project: string): TokenBody => ({
  expires_at: '2030-01-01T00:00:00Z',
  user: { id: 'u', name: 'demo', domain },
  project: { id: project, name: project, domain },
});

beforeEach(async () => {
  vi.stubGlobal('fetch', async () => new Response(null, { status: 204 }));
  await session.set('first', body('one'));
});
afterEach(() => {
  session.end();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const things = Array.from({ length: 50 }, (_, n) => ({ id: `${n}`, name: `thing ${n}` }));

test('what was begun in one project does not go on in the next', async () => {
  const told = vi.spyOn(notify, 'add');
  const done: string[] = [];
  const run = async (thing: { id: string }) => {
    done.push(thing.id);
    if (done.length === 3) await session.set('second', body('two'));
  };
  await perform({ id: 'delete', text: 'Delete', run }, things);
  expect(done.length).toBeLessThan(things.length);
  expect(told).not.toHaveBeenCalled();
});

test('it goes on with a renewed session of the same project', async () => {
  const done: string[] = [];
  const run = async (thing: { id: string }) => {
    done.push(thing.id);
    if (done.length === 3) await session.set('second', body('one'));
  };
  await perform({ id: 'delete', text: 'Delete', run }, things);
  expect(done).toHaveLength(things.length);
});
