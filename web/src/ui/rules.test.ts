import { beforeAll, expect, test } from 'vitest';
import { startI18n } from '~/app/i18n';
import {
  address,
  addressOf,
  all,
  cidr,
  inside,
  lines,
  mac,
  maxLength,
  port,
  type Rule,
  required,
  wholeNumber,
} from './rules';

beforeAll(startI18n);

test.each<[string, Rule, string, boolean]>([
  ['required', required, ' ', false],
  ['required', required, 'x', true],
  ['maxLength counts characters', maxLength(2), '😀😀', true],
  ['maxLength', maxLength(2), 'abc', false],
  ['wholeNumber', wholeNumber(0, 10), '10', true],
  ['wholeNumber', wholeNumber(0, 10), '11', false],
  ['wholeNumber', wholeNumber(0, 10), '1.5', false],
  ['wholeNumber', wholeNumber(-1), '-1', true],
  ['address', address, '10.0.0.1', true],
  ['address in full', address, '10.1', false],
  ['address in tens', address, '010.0.0.5', false],
  ['addressOf in full', addressOf(4), '10.1', false],
  ['address', address, 'fd00::1', true],
  ['address', address, '10.0.0.256', false],
  ['addressOf', addressOf(4), 'fd00::1', false],
  ['cidr', cidr, '10.0.0.0/24', true],
  ['cidr', cidr, '10.0.0.0', false],
  ['cidr', cidr, '10.0.0.0/33', false],
  ['inside', inside('10.0.0.0/24'), '10.0.0.9', true],
  ['inside', inside('10.0.0.0/24'), '10.0.1.9', false],
  ['inside a range of the other version', inside('fd00::/64'), '10.0.0.1', false],
  ['mac', mac, 'fa:16:3e:00:00:01', true],
  ['mac', mac, 'fa:16:3e:00:00', false],
  ['port', port, '0', false],
  ['lines', lines(address), '10.0.0.1\n\n 10.0.0.2 ', true],
  ['lines', lines(address), '10.0.0.1\nx', false],
])('%s', (_, rule, value, right) => {
  expect(rule(value) === undefined, `${value}: ${rule(value)}`).toBe(right);
});

test('the first complaint of several counts', () => {
  expect(all(required, port)('')).toBe(required(''));
  expect(all(required, port)('70000')).toBe(port('70000'));
});
