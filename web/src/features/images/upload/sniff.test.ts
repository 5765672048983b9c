import { expect, test } from 'vitest';
import { type DiskFormat, fits, sniff, sniffed } from './sniff';

const file = (at: number, text: string): Uint8Array => {
  const bytes = new Uint8Array(sniffed);
  for (let i = 0; i < text.length; i += 1) bytes[at + i] = text.charCodeAt(i);
  return bytes;
};

test.each<[string, Uint8Array, DiskFormat]>([
  ['qcow2', file(0, 'QFI\xfb'), 'qcow2'],
  ['a sparse VMDK', file(0, 'KDMV'), 'vmdk'],
  ['a descriptor of a VMDK', file(0, '# Disk DescriptorFile'), 'vmdk'],
  ['vhdx', file(0, 'vhdxfile'), 'vhdx'],
  ['vhd', file(0, 'conectix'), 'vhd'],
  ['vdi', file(0x40, '\x7f\x10\xda\xbe'), 'vdi'],
  ['iso', file(0x8001, 'CD001'), 'iso'],
  ['zeros', new Uint8Array(10), 'raw'],
  ['nothing', new Uint8Array(0), 'raw'],
])('%s is told from its first bytes', (_, bytes, format) => {
  expect(sniff(bytes)).toBe(format);
});

test('a format that the file does not have is noticed', () => {
  expect(fits('qcow2', 'qcow2')).toBe(true);
  expect(fits('raw', 'qcow2')).toBe(false);
  expect(fits('qcow2', 'raw')).toBe(false);
  expect(fits('aki', 'raw')).toBe(true);
});
