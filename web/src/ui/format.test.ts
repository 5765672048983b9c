import i18next from 'i18next';
import { beforeAll, expect, test } from 'vitest';
import { startI18n } from '~/app/i18n';
import { formatSeconds } from './format';

beforeAll(startI18n);

test('durations are said in the units that people use', async () => {
  await i18next.changeLanguage('en');
  expect([0.000012, 0.0046, 0.156, 7.2, 185, 7500, 3 * 86_400 + 7200].map(formatSeconds)).toEqual([
    '12 µs',
    '4.6 ms',
    '156 ms',
    '7.2 s',
    '3 min 5 s',
    '2 hr 5 min',
    '3 days 2 hr',
  ]);
  await i18next.changeLanguage('zh-CN');
  expect(formatSeconds(185)).toBe('3分钟 5 s');
  expect(formatSeconds(3 * 86_400 + 7200)).toBe('3天 2小时');
  await i18next.changeLanguage('en');
});
