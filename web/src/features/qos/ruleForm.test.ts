import { expect, test } from 'vitest';
import { amountOf, burstOf, bursts, changedFields, newRule, ruleFields, valuesOf } from './ruleForm';

test('each kind of rule has its own fields', () => {
  const v = { ...newRule, rate: '1000', burst: '100', mark: '46' };
  expect(ruleFields(v)).toEqual({ max_kbps: 1000, max_burst_kbps: 100, direction: 'egress' });
  expect(ruleFields({ ...v, burst: '' })).toEqual({ max_kbps: 1000, direction: 'egress' });
  expect(ruleFields({ ...v, kind: 'packet_rate_limit', direction: 'ingress' })).toEqual({
    max_kpps: 1000,
    max_burst_kpps: 100,
    direction: 'ingress',
  });
  expect(ruleFields({ ...v, kind: 'minimum_bandwidth' })).toEqual({ min_kbps: 1000, direction: 'egress' });
  expect(ruleFields({ ...v, kind: 'dscp_marking' })).toEqual({ dscp_mark: 46 });
});

test('a rule has one number, and some may burst', () => {
  expect(amountOf({ id: '1', type: 'dscp_marking', dscp_mark: 0 })).toBe(0);
  expect(amountOf({ id: '1', type: 'bandwidth_limit', max_kbps: 5, max_burst_kbps: 1 })).toBe(5);
  const packets = { id: '1', type: 'packet_rate_limit', max_kpps: 7, max_burst_kpps: 2 } as const;
  expect([amountOf(packets), burstOf(packets)]).toEqual([7, 2]);
  expect((['bandwidth_limit', 'packet_rate_limit', 'minimum_bandwidth', 'dscp_marking'] as const).map(bursts)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test("what was read is written back, and what was emptied is the cloud's own choice", () => {
  const rule = { id: '1', type: 'packet_rate_limit', direction: 'ingress', max_kpps: 7, max_burst_kpps: 2 } as const;
  expect(changedFields(valuesOf(rule))).toEqual({ max_kpps: 7, max_burst_kpps: 2, direction: 'ingress' });
  expect(changedFields({ ...valuesOf(rule), burst: '' })).toEqual({
    max_kpps: 7,
    max_burst_kpps: 0,
    direction: 'ingress',
  });
  expect(
    valuesOf({ id: '1', type: 'bandwidth_limit', direction: 'egress', max_kbps: 5, max_burst_kbps: 0 }).burst,
  ).toBe('');
  expect(changedFields(valuesOf({ id: '1', type: 'dscp_marking', dscp_mark: 0 }))).toEqual({ dscp_mark: 0 });
});
