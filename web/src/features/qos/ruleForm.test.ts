import { expect, test } from 'vitest';
import { amountOf, newRule, ruleFields } from './ruleForm';

test('each kind of rule has its own fields', () => {
  const v = { ...newRule, kbps: '1000', burst: '100', mark: '46' };
  expect(ruleFields(v)).toEqual({ max_kbps: 1000, max_burst_kbps: 100, direction: 'egress' });
  expect(ruleFields({ ...v, burst: '' })).toEqual({ max_kbps: 1000, direction: 'egress' });
  expect(ruleFields({ ...v, kind: 'minimum_bandwidth' })).toEqual({ min_kbps: 1000, direction: 'egress' });
  expect(ruleFields({ ...v, kind: 'dscp_marking' })).toEqual({ dscp_mark: 46 });
});

test('a rule has one number', () => {
  expect(amountOf({ id: '1', type: 'dscp_marking', dscp_mark: 0 })).toBe(0);
  expect(amountOf({ id: '1', type: 'bandwidth_limit', max_kbps: 5, max_burst_kbps: 1 })).toBe(5);
});
