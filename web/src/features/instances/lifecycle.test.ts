import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Server } from '~/api/compute';
import { write } from '~/api/write';
import { startI18n } from '~/app/i18n';
import { floatingIPsOf, type Operation, refusalOf, serverActions } from './lifecycle';

vi.mock('~/api/write', () => ({ write: vi.fn() }));

beforeAll(startI18n);

const running = {
  id: 's',
  name: 'web',
  status: 'ACTIVE',
  locked: false,
  hostId: 'h',
  addresses: {
    net: [
      { version: 4, addr: '10.0.0.5', 'OS-EXT-IPS:type': 'fixed' },
      { version: 4, addr: '172.24.4.9', 'OS-EXT-IPS:type': 'floating' },
    ],
  },
  'OS-EXT-STS:vm_state': 'active',
  'OS-EXT-STS:task_state': null,
  'OS-SRV-USG:launched_at': '2026-01-01T00:00:00.000000',
} as unknown as Server;

const server = (status: string, vm: string, task: string | null = null, rest: Partial<Server> = {}): Server => ({
  ...running,
  status,
  'OS-EXT-STS:vm_state': vm,
  'OS-EXT-STS:task_state': task,
  ...rest,
});

const all: Operation[] = ['start', 'stop', 'reboot', 'hardReboot', 'delete', 'edit', 'metadata', 'tags', 'lock'];
const life: Operation[] = [
  'dump',
  'pause',
  'unpause',
  'suspend',
  'resume',
  'shelve',
  'offload',
  'unshelve',
  'restore',
  'rescue',
  'unrescue',
  'rebuild',
  'resize',
  'confirmResize',
  'revertResize',
  'snapshot',
  'interfaces',
];
const allowed = (s: Server, isAdmin = false) => all.filter((o) => refusalOf(s, o, { isAdmin }) === undefined);
const always: Operation[] = ['delete', 'edit', 'metadata', 'tags', 'lock'];
/** Metadata and tags change in these states alone. */
const labeled = ['active', 'stopped', 'paused', 'suspended'];
const alwaysOf = (s: Server) =>
  always.filter((o) => !['metadata', 'tags'].includes(o) || labeled.includes(s['OS-EXT-STS:vm_state']));

describe('what a state allows', () => {
  test.each<[string, Server, Operation[]]>([
    ['running', running, ['stop', 'reboot', 'hardReboot']],
    ['paused', server('PAUSED', 'paused'), ['hardReboot']],
    ['shut off', server('SHUTOFF', 'stopped'), ['start', 'hardReboot']],
    ['failed', server('ERROR', 'error'), ['stop', 'hardReboot']],
    ['failed before it ran', server('ERROR', 'error', null, { 'OS-SRV-USG:launched_at': null }), ['stop']],
    ['without a host', server('ERROR', 'error', null, { hostId: '', 'OS-SRV-USG:launched_at': null }), []],
    ['being built', server('BUILD', 'building', 'spawning'), []],
    ['being shut off', server('ACTIVE', 'active', 'powering-off'), []],
    ['rebooting', server('REBOOT', 'active', 'rebooting'), ['hardReboot']],
    ['being deleted', server('ACTIVE', 'active', 'deleting'), []],
  ])('%s', (_, s, wanted) => {
    expect(allowed(s)).toEqual([...wanted, ...alwaysOf(s)]);
  });
});

describe('what a state allows of the rest of a life', () => {
  const image: Operation[] = ['snapshot'];
  test.each<[string, Server, Operation[]]>([
    ['running', running, ['dump', 'pause', 'suspend', 'shelve', 'rescue', 'rebuild', 'resize', ...image, 'interfaces']],
    ['shut off', server('SHUTOFF', 'stopped'), ['shelve', 'rescue', 'rebuild', 'resize', ...image, 'interfaces']],
    ['paused', server('PAUSED', 'paused'), ['dump', 'unpause', 'shelve', ...image, 'interfaces']],
    ['suspended', server('SUSPENDED', 'suspended'), ['resume', 'shelve', ...image]],
    ['shelved', server('SHELVED', 'shelved'), ['unshelve']],
    ['shelved on no host', server('SHELVED_OFFLOADED', 'shelved_offloaded', null, { hostId: '' }), ['unshelve']],
    ['deleted and kept', server('SOFT_DELETED', 'soft-delete'), ['restore']],
    ['in rescue', server('RESCUE', 'rescued'), ['dump', 'unrescue']],
    ['resized', server('VERIFY_RESIZE', 'resized'), ['dump', 'confirmResize', 'revertResize']],
    ['failed', server('ERROR', 'error'), ['dump', 'rescue', 'unrescue', 'rebuild']],
    ['busy', server('ACTIVE', 'active', 'image_snapshot'), []],
  ])('%s', (_, s, wanted) => {
    expect(life.filter((o) => refusalOf(s, o, { isAdmin: false }) === undefined)).toEqual(wanted);
  });

  test('taking off a host and evacuation are for administrators, and the host must be lost', () => {
    const shelved = server('SHELVED', 'shelved');
    expect(refusalOf(shelved, 'offload', { isAdmin: false })).toEqual({ word: 'admin' });
    expect(refusalOf(shelved, 'offload', { isAdmin: true })).toBeUndefined();
    const at = (host_status: string) => ({ ...running, host_status });
    expect(refusalOf(at('UP'), 'evacuate', { isAdmin: true })).toEqual({ word: 'hostUp' });
    expect(refusalOf(at('DOWN'), 'evacuate', { isAdmin: true })).toBeUndefined();
    expect(refusalOf(at('DOWN'), 'evacuate', { isAdmin: false })).toEqual({ word: 'admin' });
  });

  test('what undoes a state is in the menu while there is something to undo', () => {
    const ids = (s: Server, isAdmin = false) =>
      serverActions((key) => key, { isAdmin })
        .filter((a) => a.fits?.([s]) ?? true)
        .map((a) => a.id);
    const undoing = ['unpause', 'resume', 'offload', 'restore', 'unrescue', 'confirm-resize', 'revert-resize'];
    const shown = (s: Server, isAdmin = false) => undoing.filter((id) => ids(s, isAdmin).includes(id));
    expect(shown(running, true)).toEqual([]);
    expect(shown(server('PAUSED', 'paused'))).toEqual(['unpause']);
    expect(shown(server('VERIFY_RESIZE', 'resized'))).toEqual(['confirm-resize', 'revert-resize']);
    expect(shown(server('SOFT_DELETED', 'soft-delete'))).toEqual(['restore']);
    expect(shown(server('SHELVED', 'shelved'))).toEqual([]);
    expect(shown(server('SHELVED', 'shelved'), true)).toEqual(['offload']);
  });
});

test('a lock holds back all but names, tags and what undoes it, and no administrator', () => {
  const locked = server('ACTIVE', 'active', null, { locked: true });
  expect(allowed(locked)).toEqual(['edit', 'tags']);
  expect(refusalOf(locked, 'unlock', { isAdmin: false })).toBeUndefined();
  expect(refusalOf(locked, 'snapshot', { isAdmin: false })).toBeUndefined();
  expect(refusalOf(locked, 'shelve', { isAdmin: false })).toEqual({ word: 'locked' });
  expect(refusalOf(locked, 'lock', { isAdmin: true })).toEqual({ word: 'alreadyLocked' });
  expect(allowed(locked, true)).toEqual(['stop', 'reboot', 'hardReboot', 'delete', 'edit', 'metadata', 'tags']);
  expect(refusalOf(running, 'unlock', { isAdmin: true })).toEqual({ word: 'notLocked' });
});

test('only administrators reset states', () => {
  expect(refusalOf(running, 'resetState', { isAdmin: false })).toEqual({ word: 'admin' });
  expect(refusalOf(running, 'resetState', { isAdmin: true })).toBeUndefined();
  const ids = (isAdmin: boolean) => serverActions((key) => key, { isAdmin }).map((a) => a.id);
  expect(ids(false)).not.toContain('reset-error');
  expect(ids(true)).toEqual(expect.arrayContaining(['reset-active', 'reset-error']));
});

test('what was deleted and is kept is deleted for good', async () => {
  const remove = serverActions((key) => key, { isAdmin: false }).find((a) => a.id === 'delete');
  await remove?.run?.(running);
  expect(write).toHaveBeenLastCalledWith(['server'], 'compute', 'DELETE', '/servers/s');
  await remove?.run?.(server('SOFT_DELETED', 'soft-delete'));
  expect(write).toHaveBeenLastCalledWith(['server'], 'compute', 'POST', '/servers/s/action', { forceDelete: null });
});

test('a deletion says which floating IPs stay', () => {
  expect(floatingIPsOf([running])).toEqual(['172.24.4.9']);
  const remove = serverActions((key, values) => `${key} ${JSON.stringify(values)}`, { isAdmin: false }).find(
    (a) => a.id === 'delete',
  );
  expect(String(remove?.question?.([running]).body)).toContain('172.24.4.9');
  expect(String(remove?.question?.([{ ...running, addresses: {} }]).body)).not.toContain('floating');
});
