import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { Server } from '~/api/compute';
import { ApiError } from '~/api/error';
import type { FloatingIP, Port } from '~/api/network';
import { startWords } from '~/test/words';
import { AssociateFloatingIP } from './AssociateFloatingIP';
import words from './en.json';
import * as mutations from './mutations';
import type { Target } from './reach';

const port = { id: 'port', device_id: 'server', name: '' } as Port;
const target = (address: string, network: string): Target => ({ port, address, networks: new Set([network]) });
const free = {
  id: 'fip',
  floating_ip_address: '172.24.4.9',
  floating_network_id: 'public',
  port_id: null,
  description: '',
} as FloatingIP;

let targets: Target[];
let floating: FloatingIP[];
vi.mock('./useTargets', () => ({
  useTargets: () => ({ pending: false, error: null, all: targets, floating, from: () => [], nameOf: () => '' }),
}));
vi.mock('~/app/useSession', () => ({ useSession: () => ({ projectId: 'p', isAdmin: false }) }));
vi.mock('~/api/network', () => ({
  useNetworks: () => ({
    isPending: false,
    error: null,
    data: [{ id: 'public', name: 'public', 'router:external': true, subnets: ['s'] }],
  }),
}));
vi.mock('./mutations', () => ({ associate: vi.fn(), allocate: vi.fn() }));

beforeAll(() => startWords('floatingips', words));
beforeEach(() => {
  vi.mocked(mutations.associate).mockReset().mockResolvedValue();
  vi.mocked(mutations.allocate)
    .mockReset()
    .mockResolvedValue({ ...free, id: 'new', floating_ip_address: '172.24.4.10' });
  targets = [target('10.0.0.5', 'public')];
  floating = [free];
});

const server = { id: 'server', name: 'web' } as Server;
const open = () => {
  const onClose = vi.fn();
  render(<AssociateFloatingIP server={server} onClose={onClose} />);
  return onClose;
};

it('associates a free one by one click', async () => {
  const onClose = open();
  await userEvent.click(screen.getByRole('button', { name: /172\.24\.4\.9/ }));
  expect(mutations.associate).toHaveBeenCalledWith('fip', { port: 'port', address: '10.0.0.5' });
  await waitFor(() => expect(onClose).toHaveBeenCalled());
});

it('allocates one when none is free', async () => {
  floating = [];
  const onClose = open();
  await userEvent.click(screen.getByRole('button', { name: /Allocate and associate/ }));
  expect(mutations.allocate).toHaveBeenCalledWith({ network: 'public', to: { port: 'port', address: '10.0.0.5' } });
  await waitFor(() => expect(onClose).toHaveBeenCalled());
});

it('stays open and says why when it is refused', async () => {
  vi.mocked(mutations.associate).mockRejectedValue(new ApiError(409, 'That fixed IP already has one.'));
  const onClose = open();
  await userEvent.click(screen.getByRole('button', { name: /172\.24\.4\.9/ }));
  expect(await screen.findByText('That fixed IP already has one.')).toBeDefined();
  expect(onClose).not.toHaveBeenCalled();
});

it('says so when no external network reaches the instance', () => {
  targets = [];
  open();
  expect(screen.getByText(/No external network reaches this instance/)).toBeDefined();
});

it('lets one of several addresses be chosen', () => {
  targets = [target('10.0.0.5', 'public'), target('10.0.1.5', 'public')];
  open();
  expect(screen.getByText('Fixed IP')).toBeDefined();
});
