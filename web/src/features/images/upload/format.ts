/** How many of a file's first bytes tell what it is: the ISO 9660 mark is the furthest, at 32 KiB. */
export const headBytes = 0x8006;

const text = (head: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...head.subarray(at, at + length));

/** What disk images begin with, by the name that the API has for the format. */
const marks: [format: string, at: number, mark: string][] = [
  ['qcow2', 0, 'QFI\xfb'],
  ['vhdx', 0, 'vhdxfile'],
  ['vhd', 0, 'conectix'],
  ['vmdk', 0, 'KDMV'],
  ['vmdk', 0, '# Disk DescriptorFile'],
  ['vdi', 0x40, '\x7f\x10\xda\xbe'],
  ['ploop', 0, 'WithoutFreeSpace'],
  ['ploop', 0, 'WithouFreSpacExt'],
  ['iso', 0x8001, 'CD001'],
];

/** What is no disk image as it is: it has to be unpacked first. */
const packed: [name: string, mark: string][] = [
  ['gzip', '\x1f\x8b'],
  ['xz', '\xfd7zXZ\x00'],
  ['zip', 'PK\x03\x04'],
  ['zstd', '\x28\xb5\x2f\xfd'],
  ['bzip2', 'BZh'],
];

export interface Guess {
  /** A disk format of the API; raw is what has no mark of its own. */
  format: string;
  /** The packer's name, when the file has to be unpacked before it can be used. */
  packed?: string;
  /** The file begins like a disk that a machine can be started from; said of raw ones. */
  bootable?: boolean;
}

/** guess tells a file's format by its first bytes. A disk with an ISO's mark and a boot record is an ISO that USB sticks take. */
export function guess(head: Uint8Array): Guess {
  for (const [format, at, mark] of marks) if (text(head, at, mark.length) === mark) return { format };
  for (const [name, mark] of packed) if (text(head, 0, mark.length) === mark) return { format: 'raw', packed: name };
  return { format: 'raw', bootable: head[510] === 0x55 && head[511] === 0xaa };
}

export async function guessFile(file: Blob): Promise<Guess> {
  return guess(new Uint8Array(await file.slice(0, headBytes).arrayBuffer()));
}

/** nameFrom is a name for an image, from its file's: debian-12.qcow2 is debian-12. */
export const nameFrom = (file: string): string => file.replace(/\.(qcow2?|img|raw|iso|vmdk|vdi|vhdx?)$/i, '');
