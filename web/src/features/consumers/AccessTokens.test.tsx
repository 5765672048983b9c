import createWrapper from '@cloudscape-design/components/test-utils/dom';
import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { MemoryRouter } from 'react-router-dom';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { write } from '~/api/write';
import { startWords } from '~/test/words';
import { AccessTokens } from './AccessTokens';
import words from './en.json';

vi.mock('~/api/write', () => ({ write: vi.fn() }));
vi.mock('~/api/delegation', () => ({
  useAccessTokens: () => ({ data: [{ id: 'a', consumer_id: 'c', project_id: 'p', expires_at: null }] }),
}));
vi.mock('~/app/useSession', () => ({
  useSession: () => ({ body: { user: { id: 'me' }, roles: [{ id: 'r', name: 'member' }] } }),
}));
vi.mock('~/features/sharing/useProjectNames', () => ({ useProjectWords: () => (id: string) => `project ${id}` }));

beforeAll(() => startWords('consumers', words));
beforeEach(() => void vi.mocked(write).mockReset());

const show = () =>
  render(<AccessTokens consumers={[{ id: 'c', description: 'a robot' }]} />, { wrapper: MemoryRouter });

test('access that was given is told, with the program that has it', () => {
  show();
  expect(screen.getByText('a robot')).toBeTruthy();
  expect(screen.getByText('project p')).toBeTruthy();
});

test('a request is authorized with roles, and the verifier is shown', async () => {
  vi.mocked(write).mockResolvedValue({ token: { oauth_verifier: '12345678' } });
  show();
  await userEvent.click(screen.getByTestId('authorize'));
  await userEvent.type(screen.getByLabelText(words.request), ' q ');
  await userEvent.click(screen.getByTestId('submit'));
  expect(write).not.toHaveBeenCalled();
  const roles = createWrapper().findModal()?.findContent().findMultiselect();
  act(() => roles?.openDropdown());
  act(() => roles?.selectOptionByValue('r'));
  await userEvent.click(screen.getByTestId('submit'));
  await waitFor(() =>
    expect(write).toHaveBeenCalledWith(['access_token'], 'identity', 'PUT', '/OS-OAUTH1/authorize/q', {
      roles: [{ id: 'r' }],
    }),
  );
  expect(await screen.findByText('12345678')).toBeTruthy();
});
