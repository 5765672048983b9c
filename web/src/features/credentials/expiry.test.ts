import { expect, test } from 'vitest';
import { parseTime } from '~/ui/format';
import { expiryOf, expiryText } from './expiry';

test('a date and a time of day of here become a time in UTC', () => {
  const at = expiryOf({ date: '2030-02-28', time: '23:59' });
  expect(at).toEqual(new Date(2030, 1, 28, 23, 59));
  const text = expiryText(at as Date);
  expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  expect(parseTime(text)).toEqual(at);
});

test.each([
  { date: '', time: '10:00' },
  { date: '2030-02-30', time: '10:00' },
  { date: '2030-13-01', time: '10:00' },
  { date: '2030-01-01', time: '' },
  { date: '2030-01-01', time: '24:00' },
  { date: '2030-01-01', time: '10' },
])('no time: %j', (expiry) => {
  expect(expiryOf(expiry)).toBeUndefined();
});
