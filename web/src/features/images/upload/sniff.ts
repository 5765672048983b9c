/** Formats of disks that an image can have (API ref: disk_format), as far as the first bytes of a file tell them. */
export const diskFormats = ['qcow2', 'raw', 'vmdk', 'vdi', 'vhd', 'vhdx', 'iso', 'ami', 'ari', 'aki'] as const;
export type DiskFormat = (typeof diskFormats)[number];

/** How many bytes sniff wants: an ISO 9660 image says so after 32 KiB. */
export const sniffed = 0x8006;

const ascii = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/** sniff tells the format of a disk from its first bytes. What says nothing is raw. */
export function sniff(bytes: Uint8Array): DiskFormat {
  if (ascii(bytes, 0, 4) === 'QFI\xfb') return 'qcow2';
  if (ascii(bytes, 0, 4) === 'KDMV' || ascii(bytes, 0, 21) === '# Disk DescriptorFile') return 'vmdk';
  if (ascii(bytes, 0, 8) === 'vhdxfile') return 'vhdx';
  if (ascii(bytes, 0, 8) === 'conectix') return 'vhd';
  if (ascii(bytes, 0x40, 4) === '\x7f\x10\xda\xbe') return 'vdi';
  if (ascii(bytes, 0x8001, 5) === 'CD001') return 'iso';
  return 'raw';
}

/** Kernels and ramdisks are files without a format of their own. */
const plain = new Set<DiskFormat>(['raw', 'ami', 'ari', 'aki']);

/** fits tells whether a file may be declared as a format; the cloud looks at the bytes too and refuses what does not fit. */
export const fits = (declared: DiskFormat, found: DiskFormat): boolean =>
  declared === found || (plain.has(declared) && (found === 'raw' || found === 'iso'));

/** The container of a disk format: kernels and ramdisks have their own. */
export const containerOf = (format: DiskFormat): string => (['ami', 'ari', 'aki'].includes(format) ? format : 'bare');
