import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, expect, test, vi } from 'vitest';
import type { MeteringLabel } from '~/api/metering';
import { create } from '~/api/networkWrite';
import { startWords } from '~/test/words';
import words from './en.json';
import { RuleForm } from './RuleForm';

vi.mock('~/api/networkWrite', () => ({ create: vi.fn() }));

beforeAll(() => startWords('metering', words));

test('a rule needs one of its ends', async () => {
  render(<RuleForm label={{ id: 'l', name: 'web' } as MeteringLabel} onClose={() => {}} />);
  await userEvent.click(screen.getByTestId('submit'));
  await screen.findByText(words.oneEnd);
  expect(create).not.toHaveBeenCalled();
  await userEvent.type(screen.getByLabelText(/^Destination/), '10.0.0.0/24');
  await waitFor(() => expect(screen.queryByText(words.oneEnd)).toBeNull());
  await userEvent.click(screen.getByTestId('submit'));
  await waitFor(() =>
    expect(create).toHaveBeenCalledWith('metering_label_rule', {
      metering_label_id: 'l',
      direction: 'ingress',
      excluded: false,
      destination_ip_prefix: '10.0.0.0/24',
    }),
  );
});
