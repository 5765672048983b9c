import createWrapper from '@cloudscape-design/components/test-utils/dom';
import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, expect, test, vi } from 'vitest';
import type { Router } from '~/api/network';
import { startWords } from '~/test/words';
import words from './en.json';
import { setGateway } from './mutations';
import { GatewayForm } from './RouterForm';

vi.mock('~/app/useSession', () => ({ useSession: () => ({ projectId: 'p', isAdmin: true }) }));
vi.mock('~/api/network', () => ({
  useNetworks: () => ({ data: ['a', 'b'].map((id) => ({ id, name: id, 'router:external': true })) }),
  useSubnets: () => ({ data: [{ id: 's', network_id: 'a', ip_version: 4, cidr: '172.24.4.0/24', name: '' }] }),
}));
vi.mock('~/features/qos/PolicyField', () => ({ PolicyField: () => null }));
vi.mock('./mutations', async (original) => ({ ...(await original<object>()), setGateway: vi.fn() }));

beforeAll(() => startWords('routers', words));

function choose(at: number, value: string) {
  const select = createWrapper().findAllSelects()[at];
  act(() => select?.openDropdown());
  act(() => select?.selectOptionByValue(value));
}

test('the subnet and the address of another network are not sent', async () => {
  render(<GatewayForm router={{ id: 'r', name: 'r', external_gateway_info: null } as Router} onClose={() => {}} />);
  choose(0, 'a');
  choose(1, 's');
  await userEvent.type(await screen.findByRole('textbox'), '172.24.4.9');
  choose(0, 'b');
  await waitFor(() => expect(screen.queryByRole('textbox')).toBeNull());
  await userEvent.click(screen.getByTestId('submit'));
  await waitFor(() => expect(setGateway).toHaveBeenCalledWith('r', { network_id: 'b', enable_snat: true }));
});
