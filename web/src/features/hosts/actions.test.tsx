import createWrapper from '@cloudscape-design/components/test-utils/dom';
import { act, render, renderHook, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Aggregate, Hypervisor } from '~/api/compute';
import type { NetworkAgent } from '~/api/network';
import { write } from '~/api/write';
import { startWords } from '~/test/words';
import { CacheForm } from './CacheForm';
import words from './en.json';
import { agentRow, useAgentActions } from './useAgentActions';
import { hostOf, useHostActions } from './useHostActions';

vi.mock('~/api/write', () => ({ write: vi.fn() }));
vi.mock('~/api/compute', () => ({ useComputeServices: () => ({ data: [] }) }));

vi.mock('~/api/image', () => ({
  useImages: () => ({ data: ['active', 'queued'].map((status) => ({ id: status, name: status, status })) }),
}));

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

test('the hosts of an aggregate fetch images that are there', async () => {
  render(<CacheForm aggregate={{ id: 7, name: 'fast' } as Aggregate} onClose={() => {}} />);
  const select = createWrapper().findMultiselect();
  act(() => select?.openDropdown());
  expect(select?.findDropdown().findOptions().length).toBe(1);
  act(() => select?.selectOptionByValue('active'));
  await userEvent.click(screen.getByTestId('submit'));
  await waitFor(() =>
    expect(write).toHaveBeenCalledWith([], 'compute', 'POST', '/os-aggregates/7/images', {
      cache: [{ id: 'active' }],
    }),
  );
});
