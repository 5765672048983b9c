import type { AbsoluteLimits, Flavor, Server } from '~/api/compute';

/** What keeps a server from a flavor: a word of `resize.unfit`. */
export type Unfit = 'same' | 'zeroDisk' | 'rootDisk' | 'ephemeral' | 'swap';

const swapOf = (flavor: Pick<Flavor, 'swap'>): number => flavor.swap || 0;

/** unfitOf applies the rules of the Compute API: disks never get smaller, for nobody knows what is at their ends. */
export function unfitOf(server: Pick<Server, 'flavor'>, flavor: Flavor): Unfit | undefined {
  const now = server.flavor;
  if (flavor.name === now.original_name) return 'same';
  if (flavor.disk === 0 && now.disk > 0) return 'zeroDisk';
  if (flavor.disk < now.disk) return 'rootDisk';
  if (flavor['OS-FLV-EXT-DATA:ephemeral'] < now.ephemeral) return 'ephemeral';
  if (swapOf(flavor) > 0 && swapOf(flavor) < now.swap) return 'swap';
  return undefined;
}

/** beyondQuota are the resources that a project has not enough of for the flavor; what gets smaller needs none. */
export function beyondQuota(
  server: Pick<Server, 'flavor'>,
  flavor: Flavor,
  limits: AbsoluteLimits,
): ('cores' | 'ram')[] {
  const over = (more: number, used: number, limit: number) => more > 0 && limit >= 0 && used + more > limit;
  return [
    ...(over(flavor.vcpus - server.flavor.vcpus, limits.totalCoresUsed, limits.maxTotalCores)
      ? (['cores'] as const)
      : []),
    ...(over(flavor.ram - server.flavor.ram, limits.totalRAMUsed, limits.maxTotalRAMSize) ? (['ram'] as const) : []),
  ];
}

/** A size before and after; MiB and GiB as the API has them. */
export interface Line {
  what: 'vcpus' | 'ram' | 'rootDisk' | 'ephemeral' | 'swap';
  before: number;
  after: number;
}

/** linesOf compares a server with a flavor; disks that neither has are left out. */
export function linesOf(server: Pick<Server, 'flavor'>, flavor: Flavor): Line[] {
  const { flavor: now } = server;
  const lines: Line[] = [
    { what: 'vcpus', before: now.vcpus, after: flavor.vcpus },
    { what: 'ram', before: now.ram, after: flavor.ram },
    { what: 'rootDisk', before: now.disk, after: flavor.disk },
    { what: 'ephemeral', before: now.ephemeral, after: flavor['OS-FLV-EXT-DATA:ephemeral'] },
    { what: 'swap', before: now.swap, after: swapOf(flavor) },
  ];
  return lines.filter((l) => (l.what !== 'ephemeral' && l.what !== 'swap' ? true : l.before > 0 || l.after > 0));
}
