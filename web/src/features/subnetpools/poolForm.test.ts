import { beforeAll, expect, test } from 'vitest';
import type { SubnetPool } from '~/api/networkSharing';
import { startWords } from '~/test/words';
import { between, newPool, poolFields, poolValuesOf, prefixList, versionOf } from './poolForm';

beforeAll(() => startWords());

const pool = {
  id: '1',
  name: 'p',
  description: '',
  ip_version: 4,
  prefixes: ['10.0.0.0/8'],
  default_prefixlen: '26',
  min_prefixlen: '8',
  max_prefixlen: '32',
  default_quota: null,
  is_default: false,
  shared: false,
  address_scope_id: null,
} as unknown as SubnetPool;

test('the first prefix says which version a pool has', () => {
  expect(versionOf('10.0.0.0/16\n10.1.0.0/16')).toBe(4);
  expect(versionOf('fd00::/48')).toBe(6);
  expect(versionOf('10.')).toBeUndefined();
});

test.each([
  ['10.0.0.0/16\n10.1.0.0/16', undefined],
  ['10.0.0.1/16', 'The range is written 10.0.0.0/16'],
  ['10.0.0.0/16\nfd00::/48', 'A range of IPv4, like 10.0.0.0/16'],
  ['here', 'A range, like 10.0.0.0/24'],
])('prefixes %j', (value, wrong) => expect(prefixList()(value)).toBe(wrong));

test('prefixes that are added have the version of the pool', () => {
  expect(prefixList(6)('10.0.0.0/16')).toBe('A range of IPv6, like fd00::/48');
});

test.each([
  ['24', undefined],
  ['7', 'At least 8'],
  ['29', 'At most 28'],
  ['x', 'A whole number'],
])('a usual length of %s', (value, wrong) => expect(between(4, '8', '28')(value)).toBe(wrong));

test('what is not said is left to the cloud', () => {
  expect(poolFields({ ...newPool, name: ' p ', prefixes: '10.0.0.0/8\n' }, { admin: false })).toEqual({
    name: 'p',
    description: '',
    prefixes: ['10.0.0.0/8'],
  });
});

test('administrators say who may use it', () => {
  const fields = poolFields({ ...newPool, name: 'p', shared: true }, { admin: true });
  expect(fields).toMatchObject({ shared: true, is_default: false });
});

test('a change takes quota and scope away, and leaves the prefixes', () => {
  const fields = poolFields(poolValuesOf(pool), { admin: false, before: pool });
  expect(fields).toEqual({
    name: 'p',
    description: '',
    min_prefixlen: 8,
    default_prefixlen: 26,
    max_prefixlen: 32,
    default_quota: null,
    address_scope_id: null,
  });
});
