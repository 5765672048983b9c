/** A size in the units of the API: MiB of memory, GiB of disk. */
export interface Size {
  name: string;
  vcpus: number;
  ram: number;
  disk: number;
}

/** Sizes that clouds commonly offer; the first two are for tests with very small images. */
export const usualSizes: Size[] = [
  { name: 'm1.nano', vcpus: 1, ram: 128, disk: 1 },
  { name: 'm1.micro', vcpus: 1, ram: 256, disk: 1 },
  { name: 'm1.tiny', vcpus: 1, ram: 512, disk: 1 },
  { name: 'm1.small', vcpus: 1, ram: 2048, disk: 20 },
  { name: 'm1.medium', vcpus: 2, ram: 4096, disk: 40 },
  { name: 'm1.large', vcpus: 4, ram: 8192, disk: 80 },
  { name: 'm1.xlarge', vcpus: 8, ram: 16_384, disk: 160 },
];
