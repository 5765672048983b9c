import { expect, test } from 'vitest';
import type { ComputeService } from '~/api/compute';
import type { NetworkAgent } from '~/api/network';
import { type ServiceCheck, timed, versionsOf } from './checks';
import { findingsOf, isCommand, problemsOf } from './problems';

const agent = (host: string, alive: boolean, findings: NetworkAgent['configurations']['findings'] = []) =>
  ({
    id: host,
    host,
    alive,
    agent_type: 'wisp dataplane agent',
    configurations: { findings },
  }) as unknown as NetworkAgent;
const fine = { ok: true, milliseconds: 1 };

test('a cloud that works has no problems', () => {
  const checks = [{ type: 'compute', document: fine, list: fine, version: '2.96', oldest: '2.1' }] as ServiceCheck[];
  const seen = {
    checks,
    health: { ok: true, details: { database: fine } },
    services: [{ state: 'up' } as ComputeService],
    agents: [agent('a', true, [{ check: 'disk', level: 'warn', detail: 'little' }])],
  };
  expect(problemsOf(seen)).toEqual([]);
  expect(problemsOf({})).toEqual([]);
});

test('what is broken is told with what mends it, causes first', () => {
  const found = problemsOf({
    health: { ok: false, details: { database: { ok: false, milliseconds: 1, reason: 'No answer.', mend: 'wisp up' } } },
    checks: [
      {
        type: 'network',
        document: fine,
        list: { ok: false, milliseconds: 2, reason: 'HTTP 503' },
        version: 'v2.0',
        oldest: '',
      },
    ],
    services: [{ id: '1', binary: 'nova-compute', host: 'a', state: 'down' } as ComputeService],
    agents: [agent('a', false, [{ check: 'QEMU', level: 'fatal', detail: 'not there', mend: 'apt-get install x' }])],
  });
  expect(found.map((p) => [p.key, p.mend])).toEqual([
    ['part', 'wisp up'],
    ['list', undefined],
    ['compute', 'wisp doctor --problems'],
    ['agent', 'wisp doctor --problems'],
    ['finding', 'apt-get install x'],
  ]);
});

test('findings are sorted by how bad they are', () => {
  const found = findingsOf([
    agent('b', true, [
      { check: 'x', level: 'ok', detail: '' },
      { check: 'y', level: 'fatal', detail: '' },
    ]),
    agent('a', true, [{ check: 'z', level: 'warn', detail: '' }]),
  ]);
  expect(found.map((f) => f.id)).toEqual(['b y', 'a z', 'b x']);
});

test.each([
  [{ versions: { values: [{ id: 'v3.14', status: 'stable' }] } }, 'v3.14', ''],
  [{ versions: [{ id: 'v2.1', status: 'CURRENT', version: '2.96', min_version: '2.1' }] }, '2.96', '2.1'],
  [{ version: { id: 'v2.1', status: 'CURRENT', version: '2.96', min_version: '2.1' } }, '2.96', '2.1'],
  [
    {
      versions: [
        { id: 'v2.15', status: 'SUPPORTED' },
        { id: 'v2.16', status: 'CURRENT' },
      ],
    },
    'v2.16',
    '',
  ],
  [{ versions: [{ id: 'v1.0', max_version: '1.39', min_version: '1.0' }] }, '1.39', '1.0'],
  [{}, '', ''],
])('versions are read from %j', (document, newest, oldest) => expect(versionsOf(document)).toEqual({ newest, oldest }));

test('a failure is an answer', async () => {
  let clock = 0;
  const now = () => {
    clock += 5;
    return clock;
  };
  expect(await timed(async () => 7, now)).toEqual({ answered: { ok: true, milliseconds: 5 }, value: 7 });
  const failed = await timed(async () => Promise.reject(new Error('HTTP 503')), now);
  expect(failed.answered).toEqual({ ok: false, milliseconds: 5, reason: 'HTTP 503' });
});

test('commands are told from sentences', () => {
  expect(isCommand('apt-get install --no-install-recommends qemu-system-x86')).toBe(true);
  expect(isCommand('wisp down && wisp up')).toBe(true);
  expect(isCommand('free some space, or choose another folder')).toBe(false);
});
