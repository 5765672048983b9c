import { expect, test } from 'vitest';
import { palette, paletteOf } from './palette';

test.each([
  [0, 0, 0, 16],
  [255, 255, 255, 231],
  [255, 0, 0, 196],
  [128, 128, 128, 244],
  [90, 140, 250, 69],
])('%d,%d,%d has a neighbour in the palette', (r, g, b, wanted) => {
  expect(paletteOf(r, g, b)).toBe(wanted);
});

test('direct colours become colours of the palette', () => {
  expect(palette()('\u001b[38;2;255;0;0mred\u001b[0m')).toBe('\u001b[38;5;196mred\u001b[0m');
  expect(palette()('\u001b[1;38;2;255;0;0;48;2;0;0;0mx')).toBe('\u001b[1;38;5;196;48;5;16mx');
  expect(palette()('\u001b[38:2::255:0:0mx\u001b[38:2:255:0:0m')).toBe('\u001b[38;5;196mx\u001b[38;5;196m');
});

test('other sequences stay as they are', () => {
  const text = '\u001b[2J\u001b[38;5;2m2\u001b[32;22mtext\u001b[2m';
  expect(palette()(text)).toBe(text);
});

test('a sequence may be cut anywhere', () => {
  const text = 'a\u001b[38;2;255;0;0mb\u001b[0m';
  const push = palette();
  expect([...text].map(push).join('')).toBe('a\u001b[38;5;196mb\u001b[0m');
});
