import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { SecurityGroup } from '~/api/network';
import { create, update } from '~/api/networkWrite';
import { startWords } from '~/test/words';
import words from './en.json';
import { GroupForm } from './GroupForm';

vi.mock('~/api/networkWrite', () => ({ create: vi.fn(), update: vi.fn() }));

beforeAll(() => startWords('securitygroups', words));
beforeEach(() => vi.clearAllMocks());

const submit = () => userEvent.click(screen.getByTestId('submit'));
const stateful = () => screen.getByRole<HTMLInputElement>('checkbox', { name: new RegExp(words.stateful) });

test('a group is stateful unless it shall not be', async () => {
  render(<GroupForm onClose={() => {}} />);
  expect(stateful().checked).toBe(true);
  await userEvent.type(screen.getByLabelText(/name/i), 'fast');
  await userEvent.click(stateful());
  await submit();
  await waitFor(() =>
    expect(create).toHaveBeenCalledWith('security_group', { name: 'fast', description: '', stateful: false }),
  );
});

test('a change keeps the kind of a group', async () => {
  const before = { id: 'g', name: 'fast', description: '', stateful: false } as SecurityGroup;
  render(<GroupForm before={before} onClose={() => {}} />);
  expect(stateful().checked).toBe(false);
  await userEvent.type(screen.getByLabelText(/description/i), 'udp');
  await submit();
  await waitFor(() =>
    expect(update).toHaveBeenCalledWith('security_group', 'g', { name: 'fast', description: 'udp', stateful: false }),
  );
});
