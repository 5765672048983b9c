import { renderHook } from '@testing-library/react';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Hypervisor } from '~/api/compute';
import type { NetworkAgent } from '~/api/network';
import { write } from '~/api/write';
import { startWords } from '~/test/words';
import words from './en.json';
import { agentRow, useAgentActions } from './useAgentActions';
import { hostOf, useHostActions } from './useHostActions';

vi.mock('~/api/write', () => ({ write: vi.fn() }));
vi.mock('~/api/compute', () => ({ useComputeServices: () => ({ data: [] }) }));

beforeAll(() => startWords('hosts', words));
beforeEach(() => vi.clearAllMocks());

const agent = (state: Partial<NetworkAgent>) =>
  agentRow({
    id: 'a',
    agent_type: 'DHCP agent',
    host: 'h',
    alive: true,
    admin_state_up: true,
    ...state,
  } as NetworkAgent);

test('an agent is switched off, and deleted when it reports no more', async () => {
  const { current: actions } = renderHook(useAgentActions).result;
  const action = (id: string) => actions.find((a) => a.id === id);
  await action('disable')?.run?.(agent({}));
  expect(write).toHaveBeenCalledWith(['agent'], 'network', 'PUT', '/agents/a', { agent: { admin_state_up: false } });
  expect(action('enable')?.refused?.(agent({}))).toBe(words.refusedEnabled);
  expect(action('delete')?.refused?.(agent({}))).toBe(words.refusedAlive);
  expect(action('delete')?.refused?.(agent({ alive: false }))).toBeUndefined();
  await action('delete')?.run?.(agent({ alive: false }));
  expect(write).toHaveBeenCalledWith(['agent'], 'network', 'DELETE', '/agents/a');
});

const host = (state: Partial<Hypervisor>) =>
  hostOf({ id: 'h', hypervisor_hostname: 'host', state: 'up', service: { id: 's' }, ...state } as Hypervisor);

test('a host is forgotten that is down and has no instances', async () => {
  const forget = renderHook(() => useHostActions()).result.current.actions.find((a) => a.id === 'forget');
  expect(forget?.refused?.(host({}))).toBe(words.refusedUp);
  expect(forget?.refused?.(host({ state: 'down', servers: [{ uuid: 'i', name: 'i' }] }))).toBe(words.refusedInstances);
  expect(forget?.refused?.(host({ state: 'down' }))).toBeUndefined();
  await forget?.run?.(host({ state: 'down' }));
  expect(write).toHaveBeenCalledWith(expect.arrayContaining(['hypervisor']), 'compute', 'DELETE', '/os-services/s');
});
