import type { Server } from '~/api/compute';
import type { Slice } from './Donut';

export interface Arc {
  look: string;
  /** Where it begins and how much it is, in shares of the ring. */
  from: number;
  share: number;
}

/** arcsOf lays slices one after the other; what is more than the whole is cut off. */
export function arcsOf(slices: Slice[], whole: number): Arc[] {
  if (whole <= 0) return [];
  let from = 0;
  const arcs: Arc[] = [];
  for (const { look, value } of slices) {
    const share = Math.min(value / whole, 1 - from);
    if (share > 0) arcs.push({ look, from, share });
    from += Math.max(share, 0);
  }
  return arcs;
}

/** lookOf a quota: full, nearly full, or with room. */
export const lookOf = (used: number, limit: number): string =>
  used >= limit ? 'full' : used >= limit * 0.8 ? 'high' : 'room';

/** A state that instances are in, and how many. */
export interface Count {
  status: string;
  count: number;
  look: 'good' | 'bad' | 'busy' | 'rest';
}

const looks: Record<string, Count['look']> = {
  ACTIVE: 'good',
  ERROR: 'bad',
  SHUTOFF: 'rest',
  PAUSED: 'rest',
  SUSPENDED: 'rest',
  SHELVED: 'rest',
  SHELVED_OFFLOADED: 'rest',
};

/** countByStatus counts servers, those that run first and the states with most of them before others. */
export function countByStatus(servers: Pick<Server, 'status'>[]): Count[] {
  const counts = new Map<string, number>();
  for (const { status } of servers) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts]
    .map(([status, count]): Count => ({ status, count, look: looks[status] ?? 'busy' }))
    .sort((a, b) => Number(b.look === 'good') - Number(a.look === 'good') || b.count - a.count);
}

/** slicesOf adds up the states that look alike. */
export function slicesOf(counts: Count[]): Slice[] {
  const sums = new Map<string, number>();
  for (const { look, count } of counts) sums.set(look, (sums.get(look) ?? 0) + count);
  return [...sums].map(([look, value]) => ({ look, value }));
}
