import { expect, test } from 'vitest';
import { csvOf, type PeriodName, periodOf } from './period';

const now = new Date('2026-01-10T12:30:00.5Z');

test.each<[PeriodName, string, string]>([
  ['day', '2026-01-09T12:30:00', '2026-01-10T12:30:00'],
  ['week', '2026-01-03T12:30:00', '2026-01-10T12:30:00'],
  ['month', '2026-01-01T00:00:00', '2026-01-10T12:30:00'],
  ['lastMonth', '2025-12-01T00:00:00', '2026-01-01T00:00:00'],
  ['quarter', '2025-10-12T12:30:00', '2026-01-10T12:30:00'],
])('%s', (name, start, end) => {
  expect(periodOf(name, now)).toEqual({ start, end });
});

test('a table keeps commas, quotes and lines, and holds no formulas', () => {
  expect(
    csvOf([
      ['a,b', 'say "x"', 1.5],
      ['=cmd()', '-1', -1],
    ]),
  ).toBe('"a,b","say ""x""",1.5\r\n\'=cmd(),\'-1,-1\r\n');
});
