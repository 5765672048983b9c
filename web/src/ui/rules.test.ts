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
  ['address', address, 'fd00::1', true],
  ['address', address, '10.0.0.256', false],
  ['address in short', address, '10.1', false],
  ['address that could be octal', address, '010.0.0.5', false],
  ['address with a zone', address, 'fe80::1%eth0', false],
  ['addressOf', addressOf(4), '10.0.0.1', true],
  ['addressOf', addressOf(6), 'fd00::1', true],
  ['addressOf', addressOf(4), 'fd00::1', false],
  ['addressOf in short', addressOf(4), '10.1', false],
  ['addressOf that could be octal', addressOf(4), '010.0.0.5', false],
  ['cidr', cidr, '10.0.0.0/24', true],
  ['cidr', cidr, '10.0.0.0', false],
  ['cidr', cidr, '10.0.0.0/33', false],
  ['inside', inside('10.0.0.0/24'), '10.0.0.9', true],
  ['inside', inside('10.0.0.0/24'), '10.0.1.9', false],
  ['inside leaves what is no address to its own rule', inside('8.0.0.0/24'), '010.0.0.5', true],
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
