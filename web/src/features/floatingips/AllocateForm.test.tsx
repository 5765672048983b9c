import createWrapper from '@cloudscape-design/components/test-utils/dom';
import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { FloatingIP } from '~/api/network';
import { startWords } from '~/test/words';
import { AllocateForm } from './AllocateForm';
import words from './en.json';
import { allocate } from './mutations';

vi.mock('~/app/useSession', () => ({ useSession: () => ({ projectId: 'p', isAdmin: false, body: {} }) }));
vi.mock('~/api/network', () => ({
  useNetworks: () => ({ data: ['a', 'b', 'c'].map((id) => ({ id, name: id, 'router:external': true })) }),
  useSubnets: () => ({ data: [] }),
  useNetworkQuotas: () => ({}),
}));
vi.mock('~/features/qos/PolicyField', () => ({ PolicyField: () => null }));
vi.mock('~/ui/QuotaUse', () => ({ QuotaUse: () => null }));
vi.mock('./useTargets', () => ({
  useTargets: () => ({
    pending: false,
    from: (network: string) => (network === 'c' ? [] : [{ port: { id: 'port' }, address: '10.0.0.5' }]),
    nameOf: () => 'instance',
  }),
}));
vi.mock('./mutations', () => ({ allocate: vi.fn() }));

beforeAll(() => startWords('floatingips', words));
beforeEach(
  () =>
    void vi
      .mocked(allocate)
      .mockReset()
      .mockResolvedValue({ floating_ip_address: '172.24.4.9' } as FloatingIP),
);

function choose(at: number, value: string) {
  const select = createWrapper().findAllSelects()[at];
  act(() => select?.openDropdown());
  act(() => select?.selectOptionByValue(value));
}

test.each([
  ['a place that the network does not reach is not sent', 'c', undefined],
  ['a place that the other network reaches stays', 'b', { port: 'port', address: '10.0.0.5' }],
])('%s', async (_, network, to) => {
  render(<AllocateForm onClose={() => {}} />);
  choose(0, 'a');
  choose(1, 'port 10.0.0.5');
  choose(0, network);
  await userEvent.click(screen.getByTestId('submit'));
  await waitFor(() => expect(allocate).toHaveBeenCalledWith(expect.objectContaining({ network, to })));
});

test('an address is known by a name of DNS', async () => {
  render(<AllocateForm onClose={() => {}} />);
  choose(0, 'a');
  await userEvent.type(screen.getByLabelText(/^DNS name/), 'www');
  await userEvent.type(screen.getByLabelText(/^DNS domain/), 'example.org');
  await userEvent.click(screen.getByTestId('submit'));
  await screen.findByText(/A domain with a dot at its end/);
  expect(allocate).not.toHaveBeenCalled();
  await userEvent.type(screen.getByLabelText(/^DNS domain/), '.');
  await userEvent.click(screen.getByTestId('submit'));
  await waitFor(() =>
    expect(allocate).toHaveBeenCalledWith(expect.objectContaining({ dns: { name: 'www', domain: 'example.org.' } })),
  );
});
