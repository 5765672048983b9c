import { expect, test } from 'vitest';
import { guess, headBytes, nameFrom } from './format';
import { contentRange, heldOf } from './transport';

function head(at: number, mark: string): Uint8Array {
  const bytes = new Uint8Array(headBytes);
  bytes.set(
    [...mark].map((c) => c.charCodeAt(0)),
    at,
  );
  return bytes;
}

test.each([
  [0, 'QFI\xfb', 'qcow2'],
  [0, 'vhdxfile', 'vhdx'],
  [0, 'conectix', 'vhd'],
  [0, 'KDMV', 'vmdk'],
  [0x40, '\x7f\x10\xda\xbe', 'vdi'],
  [0x8001, 'CD001', 'iso'],
  [0, 'whatever', 'raw'],
])('at %i, %j tells %s', (at, mark, format) => expect(guess(head(at, mark)).format).toBe(format));

test('what has to be unpacked is told', () => {
  expect(guess(head(0, '\x1f\x8b')).packed).toBe('gzip');
  expect(guess(head(0, 'QFI\xfb')).packed).toBeUndefined();
});

test('a boot record is seen, and a short file is no failure', () => {
  expect(guess(head(510, '\x55\xaa')).bootable).toBe(true);
  expect(guess(new Uint8Array(3))).toEqual({ format: 'raw', bootable: false });
});

test('names are those of files without the ending that says the format', () => {
  expect(nameFrom('debian-12.qcow2')).toBe('debian-12');
  expect(nameFrom('v1.2')).toBe('v1.2');
});

test('ranges are written and read', () => {
  expect(heldOf('bytes=0-99')).toBe(100);
  expect(heldOf(null)).toBe(0);
  expect(contentRange({ first: 8, total: 20, body: new ArrayBuffer(4) })).toBe('bytes 8-11/20');
  expect(contentRange({ first: 0, total: 20, body: null })).toBe('bytes */20');
});
