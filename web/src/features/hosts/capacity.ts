import type { Capacity } from '~/api/placement';

/** How much of a resource of a host can be promised to instances, and how much is. */
export interface Use {
  used: number;
  usable: number;
  /** In percent of what is usable; 0 where nothing is. */
  percent: number;
}

/** shareOf: placement lets instances have (total - reserved) × allocation_ratio. */
export function shareOf({
  total,
  reserved,
  allocation_ratio,
  used,
}: Pick<Capacity, 'total' | 'reserved' | 'allocation_ratio' | 'used'>): Use {
  const usable = Math.floor((total - reserved) * allocation_ratio);
  return { used, usable, percent: usable > 0 ? Math.min(100, (used / usable) * 100) : 0 };
}

/** versionText is a hypervisor's version, which the API has as major × 1000000 + minor × 1000 + micro. */
export const versionText = (version: number): string =>
  [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000, version % 1000].join('.');

export interface Uptime {
  days: number;
  hours: number;
  minutes: number;
  /** Load average of the last minute. */
  load: string;
}

/** uptimeOf reads the words of uptime(1) that the API gives; undefined when they are other words. */
export function uptimeOf(text: string): Uptime | undefined {
  const found = /up\s+(?:(\d+) days?,\s*)?(\d+):(\d+),.*load average:\s*([\d.]+)/.exec(text);
  if (!found) return undefined;
  const [, days = '0', hours, minutes, load = ''] = found;
  return { days: Number(days), hours: Number(hours), minutes: Number(minutes), load };
}
