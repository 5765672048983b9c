import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { MemoryRouter, Route, Routes } from 'react-router-dom';
import { beforeAll, expect, test, vi } from 'vitest';
import { startWords } from '~/test/words';
import words from './en.json';
import FloatingIPPage from './FloatingIPPage';

const floatingIP = {
  id: 'f',
  floating_ip_address: '172.24.4.9',
  fixed_ip_address: '10.0.0.5',
  floating_network_id: 'n',
  port_id: 'port',
  router_id: 'r',
  project_id: 'p',
  status: 'ACTIVE',
  description: 'the web server',
  dns_name: 'www',
  dns_domain: 'example.org.',
  tags: ['blue'],
  port_details: { name: 'eth0', device_id: '', device_owner: '', mac_address: 'fa:16:3e:00:00:01', status: 'ACTIVE' },
};

vi.mock('~/api/network', () => ({
  useFloatingIP: () => ({ data: floatingIP }),
  useNetworks: () => ({ data: [{ id: 'n', name: 'public' }] }),
  useRouters: () => ({ data: [{ id: 'r', name: 'edge' }] }),
}));
vi.mock('~/features/networks/useServerNames', () => ({ useServerNames: () => new Map() }));
vi.mock('~/features/qos/PolicyLink', () => ({ PolicyLink: () => null }));
vi.mock('./AssociateDialog', () => ({ AssociateDialog: () => null }));
vi.mock('./EditForm', () => ({ EditForm: () => <p>the form of a change</p> }));

beforeAll(() => startWords('floatingips', words));

test('a floating IP has a page that tells all of it, and from which it is changed', async () => {
  render(
    <MemoryRouter initialEntries={['/floating-ips/f']}>
      <Routes>
        <Route path="/floating-ips/:id" element={<FloatingIPPage />} />
      </Routes>
    </MemoryRouter>,
  );
  for (const text of ['10.0.0.5', 'fa:16:3e:00:00:01', 'public', 'edge', 'www.example.org.', 'blue', 'the web server'])
    expect(screen.getAllByText(text, { exact: false }).length, text).toBeGreaterThan(0);
  await userEvent.click(screen.getByTestId('actions').querySelector('button') as HTMLElement);
  await userEvent.click(await screen.findByText('Edit'));
  await waitFor(() => expect(screen.getByText('the form of a change')).toBeTruthy());
});
