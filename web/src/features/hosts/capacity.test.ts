import { expect, test } from 'vitest';
import { shareOf, uptimeOf, versionText } from './capacity';

test('what instances may have of a host', () => {
  expect(shareOf({ total: 2, reserved: 0, allocation_ratio: 16, used: 8 })).toEqual({
    used: 8,
    usable: 32,
    percent: 25,
  });
  expect(shareOf({ total: 1024, reserved: 512, allocation_ratio: 1.5, used: 0 }).usable).toBe(768);
});

test('more than everything is everything, and nothing is usable of nothing', () => {
  expect(shareOf({ total: 4, reserved: 0, allocation_ratio: 1, used: 8 }).percent).toBe(100);
  expect(shareOf({ total: 1, reserved: 1, allocation_ratio: 1, used: 0 }).percent).toBe(0);
});

test.each([
  [7002022, '7.2.22'],
  [10000000, '10.0.0'],
  [9001999, '9.1.999'],
])('version %d is %s', (version, text) => {
  expect(versionText(version)).toBe(text);
});

test('the words of uptime(1)', () => {
  const words = ' 17:17:03 up 12 days, 3:45,  0 users,  load average: 3.60';
  expect(uptimeOf(words)).toEqual({ days: 12, hours: 3, minutes: 45, load: '3.60' });
  expect(uptimeOf(' 17:17:03 up 1:02,  1 user,  load average: 0.10, 0.2, 0.3')).toMatchObject({ days: 0, hours: 1 });
  expect(uptimeOf('no idea')).toBeUndefined();
});
