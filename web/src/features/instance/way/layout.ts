import type { ActionEvent } from '~/api/compute';

/** Who does a step, from the request to the guest. */
export const lanes = ['identity', 'compute', 'image', 'scheduler', 'network', 'host', 'guest'] as const;
export type Lane = (typeof lanes)[number];

const laneOf: Record<string, Lane> = {
  identity_validate_token: 'identity',
  compute_accept_request: 'compute',
  image_get: 'image',
  scheduler_select_destinations: 'scheduler',
  network_allocate_for_instance: 'network',
  compute__do_build_and_run_instance: 'compute',
  network_plug_vif: 'network',
  image_fetch: 'image',
  hypervisor_prepare_disk: 'host',
  hypervisor_start: 'host',
  network_dhcp_lease: 'guest',
};

const built = 'compute__do_build_and_run_instance';
const leased = 'network_dhcp_lease';

/** The time of an API in microseconds since 1970: Date knows no more than milliseconds. */
export function microsOf(text: string): number {
  const [, whole = text, fraction = '', zone = ''] = /^(.*?)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$/.exec(text) ?? [];
  return Date.parse(`${whole}${zone || 'Z'}`) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

export interface Step {
  event: string;
  number: number;
  lane: Lane;
  /** In microseconds after the request came. */
  begins: number;
  /** In microseconds; unset while it goes on. */
  takes?: number;
  /** Where its bar is in the picture, in per cent of the width. */
  from: number;
  to: number;
  /** Line within its lane: steps of a lane that overlap are below each other. */
  row: number;
  failed: boolean;
  result: string | null;
  details?: string;
}

export interface Way {
  steps: Step[];
  /** How many lines each lane needs; lanes without steps are left out. */
  rows: Partial<Record<Lane, number>>;
  /** Times, in microseconds after the request, and where they are, in per cent. */
  ticks: { at: number; place: number }[];
  /** In microseconds after the request came. */
  active?: number;
  address?: number;
  failed?: Step;
}

/** Marks of the axis are at least so far from each other, in per cent. */
const between = 13;

/**
 * scale places times so that steps of microseconds and of seconds can both be seen: each stretch between two times at which
 * something begins or ends is as wide as the logarithm of how long it is.
 */
export function scale(times: number[]): Map<number, number> {
  const sorted = [...new Set(times)].sort((a, b) => a - b);
  const widths = sorted.map((at, i) => (i === 0 ? 0 : Math.log10(1 + at - (sorted[i - 1] ?? at)) + 0.2));
  const total = widths.reduce((sum, w) => sum + w, 0) || 1;
  let sum = 0;
  return new Map(
    sorted.map((at, i) => {
      sum += widths[i] ?? 0;
      return [at, (sum / total) * 100];
    }),
  );
}

/** layout draws the way of a request from its events, of which some may still go on or not have come. */
export function layout(events: ActionEvent[]): Way {
  const timed = events
    .map((e) => ({ ...e, start: microsOf(e.start_time), end: e.finish_time ? microsOf(e.finish_time) : undefined }))
    .sort((a, b) => a.start - b.start || (b.end ?? Number.POSITIVE_INFINITY) - (a.end ?? Number.POSITIVE_INFINITY));
  const first = timed[0]?.start ?? 0;
  const last = Math.max(first, ...timed.map((e) => e.end ?? e.start));
  const places = scale(timed.flatMap((e) => [e.start - first, (e.end ?? last) - first]));
  const place = (at: number): number => places.get(at) ?? 0;
  const rows: Way['rows'] = {};
  const filled: Partial<Record<Lane, number[]>> = {};
  const steps = timed.map((e, i): Step => {
    const lane = laneOf[e.event] ?? 'compute';
    const begins = e.start - first;
    const ends = (e.end ?? last) - first;
    const until = filled[lane] ?? [];
    filled[lane] = until;
    let row = until.findIndex((end) => end <= begins);
    if (row < 0) row = until.length;
    until[row] = ends;
    rows[lane] = until.length;
    return {
      event: e.event,
      number: i + 1,
      lane,
      begins,
      takes: e.end === undefined ? undefined : e.end - e.start,
      from: place(begins),
      to: place(ends),
      row,
      failed: e.result === 'Error',
      result: e.result,
      details: e.details ?? undefined,
    };
  });
  const ticks: Way['ticks'] = [];
  for (const [at, where] of places) {
    const end = at === last - first;
    if (end) while (ticks.length > 1 && where - (ticks.at(-1)?.place ?? 0) < between) ticks.pop();
    if (ticks.length === 0 || end || where - (ticks.at(-1)?.place ?? 0) >= between) ticks.push({ at, place: where });
  }
  const endOf = (name: string) => {
    const step = steps.find((s) => s.event === name && s.result === 'Success');
    return step?.takes === undefined ? undefined : step.begins + step.takes;
  };
  // The step that failed within the build says more than the build.
  const failures = steps.filter((s) => s.failed);
  return {
    steps,
    rows,
    ticks,
    active: endOf(built),
    address: endOf(leased),
    failed: failures.find((s) => s.event !== built) ?? failures[0],
  };
}

/** The steps of a server with interfaces, in their order. */
const known = Object.keys(laneOf);

/** toCome are the steps that a creation which goes on has not told of yet; nothing comes after a failure. */
export function toCome(way: Way, server: { building: boolean; running: boolean; hasAddresses: boolean }): string[] {
  if (way.failed || way.steps.length === 0) return [];
  const open = known.filter((event) => !way.steps.some((s) => s.event === event));
  if (server.building) return open.filter((e) => server.hasAddresses || !['network_plug_vif', leased].includes(e));
  return server.running && server.hasAddresses ? open.filter((e) => e === leased) : [];
}

export const laneOfEvent = (event: string): Lane => laneOf[event] ?? 'compute';
