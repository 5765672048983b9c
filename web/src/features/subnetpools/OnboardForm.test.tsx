import createWrapper from '@cloudscape-design/components/test-utils/dom';
import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, expect, test, vi } from 'vitest';
import type { SubnetPool } from '~/api/networkSharing';
import { member } from '~/api/networkWrite';
import { startWords } from '~/test/words';
import words from './en.json';
import { OnboardForm } from './OnboardForm';

vi.mock('~/api/networkWrite', () => ({ member: vi.fn() }));
vi.mock('~/api/network', () => ({
  useNetworks: () => ({ data: ['four', 'six', 'pooled'].map((id) => ({ id, name: id })) }),
  useSubnets: () => ({
    data: [
      { network_id: 'four', ip_version: 4, cidr: '10.0.0.0/24', subnetpool_id: null },
      { network_id: 'six', ip_version: 6, cidr: 'fd00::/64', subnetpool_id: null },
      { network_id: 'pooled', ip_version: 4, cidr: '10.1.0.0/24', subnetpool_id: 'other' },
    ],
  }),
}));

beforeAll(() => startWords('subnetpools', words));

test('the subnets of a network come into a pool, where they are of its version and of no other', async () => {
  render(<OnboardForm pool={{ id: 'p', name: 'pool', ip_version: 4 } as SubnetPool} onClose={() => {}} />);
  const select = createWrapper().findSelect();
  act(() => select?.openDropdown());
  expect(select?.findDropdown().findOptions().length).toBe(1);
  act(() => select?.selectOptionByValue('four'));
  await userEvent.click(screen.getByTestId('submit'));
  await waitFor(() =>
    expect(member).toHaveBeenCalledWith('subnetpool', 'p', 'onboard_network_subnets', { network_id: 'four' }),
  );
});
