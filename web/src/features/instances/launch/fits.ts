import type { AbsoluteLimits, Flavor } from '~/api/compute';
import type { Image } from '~/api/image';

const gib = 1024 ** 3;

/** What keeps a flavor from being used with an image: a word of `misfit`. Sizes in MiB and GiB as the API has them. */
export interface Misfit {
  word: 'ram' | 'zeroDisk' | 'minDisk' | 'disk';
  need?: number;
}

/** misfitOf applies the rules of the Compute API; undefined when the flavor can be used. */
export function misfitOf(
  flavor: Pick<Flavor, 'ram' | 'disk'>,
  image: Image | undefined,
  isAdmin: boolean,
): Misfit | undefined {
  if (image && image.min_ram > flavor.ram) return { word: 'ram', need: image.min_ram };
  // A disk as large as the image's is for administrators: nobody could foresee what it takes of a host.
  if (flavor.disk === 0) return isAdmin ? undefined : { word: 'zeroDisk' };
  if (!image) return undefined;
  if (image.min_disk > flavor.disk) return { word: 'minDisk', need: image.min_disk };
  const size = Math.max(image.size ?? 0, image.virtual_size ?? 0);
  return size > flavor.disk * gib ? { word: 'disk', need: Math.ceil(size / gib) } : undefined;
}

/** One line of what a request takes of the quota. limit -1 is no limit. */
export interface QuotaLine {
  resource: 'instances' | 'cores' | 'ram';
  used: number;
  adds: number;
  limit: number;
}

export function quotaLines(limits: AbsoluteLimits, flavor: Flavor | undefined, count: number): QuotaLine[] {
  const n = Number.isInteger(count) && count > 0 ? count : 0;
  return [
    { resource: 'instances', used: limits.totalInstancesUsed, adds: n, limit: limits.maxTotalInstances },
    { resource: 'cores', used: limits.totalCoresUsed, adds: n * (flavor?.vcpus ?? 0), limit: limits.maxTotalCores },
    { resource: 'ram', used: limits.totalRAMUsed, adds: n * (flavor?.ram ?? 0), limit: limits.maxTotalRAMSize },
  ];
}

export const exceeds = ({ used, adds, limit }: QuotaLine): boolean => limit >= 0 && used + adds > limit;

/** bySize puts the small flavors first. */
export const bySize = <T extends Pick<Flavor, 'ram' | 'vcpus' | 'disk' | 'name'>>(flavors: T[]): T[] =>
  [...flavors].sort((a, b) => a.ram - b.ram || a.vcpus - b.vcpus || a.disk - b.disk || a.name.localeCompare(b.name));
