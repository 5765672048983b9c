import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createRule, type QoSPolicy, updateRule } from '~/api/qos';
import { startWords } from '~/test/words';
import words from './en.json';
import { RuleForm } from './RuleForm';

vi.mock('~/api/qos', () => ({
  dscpMarks: [0, 46],
  useQoSRuleKinds: () => ({ data: ['bandwidth_limit', 'packet_rate_limit', 'dscp_marking'] }),
  createRule: vi.fn(),
  updateRule: vi.fn(),
}));

beforeAll(() => startWords('qos', words));
beforeEach(() => vi.clearAllMocks());

const policy = { id: 'p', name: 'slow' } as QoSPolicy;
const submit = () => userEvent.click(screen.getByTestId('submit'));

test('a limit of packets can be added', async () => {
  render(<RuleForm policy={policy} onClose={() => {}} />);
  await userEvent.click(screen.getByRole('radio', { name: new RegExp(words.kinds.packet_rate_limit) }));
  await userEvent.type(screen.getByLabelText(words.packetRate), '20');
  await submit();
  await waitFor(() =>
    expect(createRule).toHaveBeenCalledWith('p', 'packet_rate_limit', { max_kpps: 20, direction: 'egress' }),
  );
});

test('a rule that is there is changed, not made again', async () => {
  const rule = { id: 'r', type: 'bandwidth_limit', direction: 'ingress', max_kbps: 5000, max_burst_kbps: 100 } as const;
  render(<RuleForm policy={policy} before={rule} onClose={() => {}} />);
  await userEvent.clear(screen.getByLabelText(words.bandwidth));
  await userEvent.type(screen.getByLabelText(words.bandwidth), '9000');
  await submit();
  await waitFor(() =>
    expect(updateRule).toHaveBeenCalledWith('p', rule, { max_kbps: 9000, max_burst_kbps: 100, direction: 'ingress' }),
  );
  expect(createRule).not.toHaveBeenCalled();
});
