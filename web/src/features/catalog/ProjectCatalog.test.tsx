import createWrapper from '@cloudscape-design/components/test-utils/dom';
import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { MemoryRouter } from 'react-router-dom';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { given } from '~/api/endpointGroups';
import { write } from '~/api/write';
import { startWords } from '~/test/words';
import { EndpointProjectsForm } from './EndpointProjectsForm';
import words from './en.json';
import { ProjectCatalog } from './ProjectCatalog';

const endpoint = (id: string, service_id: string) => ({
  id,
  service_id,
  interface: 'public' as const,
  region_id: 'RegionOne',
  url: `https://cloud/${id}`,
  enabled: true,
});

vi.mock('~/api/write', () => ({ write: vi.fn() }));
vi.mock('~/api/identity', () => ({
  useServices: () => ({ data: [{ id: 'nova', name: 'nova', type: 'compute' }] }),
  useEndpoints: () => ({ data: [endpoint('one', 'nova'), endpoint('two', 'glance'), endpoint('three', 'nova')] }),
  useProjects: () => ({ data: ['p', 'q'].map((id) => ({ id, name: `project ${id}` })) }),
}));
vi.mock('~/api/endpointGroups', async (original) => ({
  ...(await original<typeof import('~/api/endpointGroups')>()),
  useEndpointGroups: () => ({ data: [] }),
  useProjectGroups: () => ({ data: [{ id: 'g', name: 'images', description: '', filters: { service_id: 'glance' } }] }),
  useProjectEndpoints: () => ({ data: [endpoint('one', 'nova'), endpoint('two', 'glance')] }),
  useEndpointProjects: () => ({ data: [{ id: 'p', name: 'project p' }] }),
}));

beforeAll(() => startWords('catalog', words));
beforeEach(() => vi.clearAllMocks());

const row = (text: string) =>
  screen.getAllByRole('row').find((one) => one.textContent?.includes(text)) as HTMLTableRowElement;

test('an endpoint that a project has by itself is told from one of its groups', () => {
  render(<ProjectCatalog project={{ id: 'p', name: 'project p' }} />, { wrapper: MemoryRouter });
  expect(row('https://cloud/one').textContent).toContain(words.itself);
  expect(row('https://cloud/two').textContent).toContain('images');
});

test('endpoints are given to a project one by one', async () => {
  render(<ProjectCatalog project={{ id: 'p', name: 'project p' }} />, { wrapper: MemoryRouter });
  await userEvent.click(screen.getByTestId('give-endpoints'));
  const select = createWrapper().findMultiselect();
  act(() => select?.openDropdown());
  // What the project has is not offered again.
  expect(select?.findDropdown().findOptions().length).toBe(1);
  act(() => select?.selectOptionByValue('three'));
  await userEvent.click(screen.getByTestId('submit'));
  await waitFor(() =>
    expect(write).toHaveBeenCalledWith(given, 'identity', 'PUT', '/OS-EP-FILTER/projects/p/endpoints/three'),
  );
});

test('an endpoint is given to some projects and taken from others', async () => {
  render(<EndpointProjectsForm endpoint={endpoint('one', 'nova')} onClose={() => {}} />);
  const select = createWrapper().findMultiselect();
  act(() => select?.openDropdown());
  act(() => select?.selectOptionByValue('p'));
  act(() => select?.selectOptionByValue('q'));
  await userEvent.click(screen.getByTestId('submit'));
  await waitFor(() => expect(write).toHaveBeenCalledTimes(2));
  expect(write).toHaveBeenCalledWith(given, 'identity', 'PUT', '/OS-EP-FILTER/projects/q/endpoints/one');
  expect(write).toHaveBeenCalledWith(given, 'identity', 'DELETE', '/OS-EP-FILTER/projects/p/endpoints/one');
});
