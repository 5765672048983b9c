import { beforeAll, expect, test } from 'vitest';
import type { MeteringRule } from '~/api/metering';
import { startWords } from '~/test/words';
import { endRule, endsOf, newRule, ruleFields } from './ruleForm';

beforeAll(() => startWords());

test('only the ends that are given are sent', () => {
  expect(ruleFields('l', { ...newRule, source: ' 10.0.0.0/24 ' })).toEqual({
    metering_label_id: 'l',
    direction: 'ingress',
    excluded: false,
    source_ip_prefix: '10.0.0.0/24',
  });
  expect(ruleFields('l', { direction: 'egress', source: '', destination: '192.0.2.7', excluded: true })).toEqual({
    metering_label_id: 'l',
    direction: 'egress',
    excluded: true,
    destination_ip_prefix: '192.0.2.7',
  });
});

const rule: MeteringRule = {
  id: 'r',
  metering_label_id: 'l',
  direction: 'ingress',
  excluded: false,
  remote_ip_prefix: null,
  source_ip_prefix: null,
  destination_ip_prefix: null,
};

test('a remote prefix is the end inside', () => {
  const remote_ip_prefix = '10.0.0.0/24';
  expect(endsOf({ ...rule, remote_ip_prefix })).toEqual({ source: null, destination: remote_ip_prefix });
  expect(endsOf({ ...rule, remote_ip_prefix, direction: 'egress' })).toEqual({
    source: remote_ip_prefix,
    destination: null,
  });
  expect(endsOf({ ...rule, source_ip_prefix: '::/0', destination_ip_prefix: 'fd00::/64' })).toEqual({
    source: '::/0',
    destination: 'fd00::/64',
  });
});

test.each([
  ['10.0.0.0/24', '', undefined],
  ['192.0.2.7', '10.0.0.0/8', undefined],
  ['', '10.0.0.0/8', undefined],
  ['0.0.0.0/0', '', undefined],
  ['somewhere', '', 'A range, like 10.0.0.0/24'],
  ['fd00::/64', '10.0.0.0/8', 'A range of IPv4, like 10.0.0.0/24'],
  ['10.0.0.1', 'fd00::/64', 'A range of IPv6, like fd00::/64'],
])('the end %j beside %j', (value, other, wrong) => expect(endRule(other)(value)).toBe(wrong));
