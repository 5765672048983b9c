import { describe, expect, test } from 'vitest';
import type { ActionEvent } from '~/api/compute';
import { layout, microsOf, scale, toCome } from './layout';

const event = (name: string, start: string, finish: string | null, result: string | null = 'Success'): ActionEvent => ({
  event: name,
  start_time: `2026-11-26T19:22:${start}`,
  finish_time: finish && `2026-11-26T19:22:${finish}`,
  result,
});

const whole = [
  event('identity_validate_token', '19.148907', '19.148919'),
  event('compute_accept_request', '19.148919', '19.164488'),
  event('scheduler_select_destinations', '19.149970', '19.150291'),
  event('network_allocate_for_instance', '19.161082', '19.164481'),
  event('compute__do_build_and_run_instance', '19.164510', '19.376916'),
  event('hypervisor_start', '19.219115', '19.374730'),
  event('network_dhcp_lease', '26.578345', '26.610828'),
];

test('times keep their microseconds', () => {
  expect(microsOf('2026-11-26T19:22:19.148919') - microsOf('2026-11-26T19:22:19.148907')).toBe(12);
  expect(microsOf('2026-11-26T19:22:20Z') - microsOf('2026-11-26T19:22:19.5')).toBe(500_000);
  expect(microsOf('2026-11-26T20:22:19+01:00')).toBe(microsOf('2026-11-26T19:22:19'));
});

describe('scale', () => {
  test('keeps the order, and shows microseconds beside seconds', () => {
    const places = scale([0, 12, 7_000_000, 7_000_003]);
    expect([...places.keys()]).toEqual([0, 12, 7_000_000, 7_000_003]);
    expect(places.get(0)).toBe(0);
    expect(places.get(7_000_003)).toBeCloseTo(100);
    const short = places.get(12) ?? 0;
    expect(short).toBeGreaterThan(5);
    expect((places.get(7_000_000) ?? 0) - short).toBeGreaterThan(short);
  });

  test('of one time or none is no division by nothing', () => {
    expect([...scale([5])]).toEqual([[5, 0]]);
    expect(scale([]).size).toBe(0);
  });
});

describe('layout', () => {
  test('tells when the server was active and had its address', () => {
    const way = layout([...whole].reverse());
    expect(way.steps.map((s) => s.number)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(way.steps[0]).toMatchObject({ lane: 'identity', begins: 0, takes: 12, from: 0 });
    expect(way.active).toBe(228_009);
    expect(way.address).toBe(7_461_921);
    expect(way.failed).toBeUndefined();
    for (const s of way.steps) expect(s.to).toBeGreaterThan(s.from);
    expect(way.steps.at(-1)?.to).toBeCloseTo(100);
  });

  test('puts steps of a lane that overlap below each other', () => {
    const way = layout([
      event('hypervisor_prepare_disk', '19.1', '19.3'),
      event('hypervisor_start', '19.2', '19.4'),
      event('compute_accept_request', '19.0', '19.1'),
      event('compute__do_build_and_run_instance', '19.1', '19.4'),
    ]);
    expect(way.rows).toEqual({ compute: 1, host: 2 });
    expect(way.steps.filter((s) => s.lane === 'host').map((s) => s.row)).toEqual([0, 1]);
  });

  test('has marks that do not overlap, at the beginning and at the end', () => {
    const { ticks } = layout(whole);
    expect(ticks[0]).toEqual({ at: 0, place: 0 });
    expect(ticks.at(-1)?.at).toBe(7_461_921);
    ticks.slice(1).forEach((tick, i) => {
      expect(tick.place - (ticks[i]?.place ?? 0)).toBeGreaterThan(10);
    });
  });

  test('names the step that failed, not the build around it', () => {
    const way = layout([
      event('compute__do_build_and_run_instance', '19.1', '19.4', 'Error'),
      event('hypervisor_start', '19.2', '19.4', 'Error'),
    ]);
    expect(way.failed?.event).toBe('hypervisor_start');
    expect(way.active).toBeUndefined();
  });

  test('a step that goes on has no duration, and reaches to the end', () => {
    const way = layout([event('image_fetch', '19.1', null, null), event('network_plug_vif', '19.1', '19.5')]);
    const fetch = way.steps.find((s) => s.event === 'image_fetch');
    expect(fetch?.takes).toBeUndefined();
    expect(fetch?.to).toBeCloseTo(100);
  });

  test('an unknown event and no events at all are no harm', () => {
    expect(layout([event('something_new', '19.1', '19.2')]).steps[0]?.lane).toBe('compute');
    expect(layout([])).toMatchObject({ steps: [], ticks: [] });
  });
});

describe('toCome', () => {
  const building = { building: true, running: false, hasAddresses: true };
  const running = { building: false, running: true, hasAddresses: true };

  test('names what a creation has not told of yet', () => {
    const way = layout(whole.slice(0, 5));
    expect(toCome(way, building)).toEqual([
      'image_get',
      'network_plug_vif',
      'image_fetch',
      'hypervisor_prepare_disk',
      'hypervisor_start',
      'network_dhcp_lease',
    ]);
    expect(toCome(way, running)).toEqual(['network_dhcp_lease']);
    expect(toCome(way, { ...running, hasAddresses: false })).toEqual([]);
  });

  test('nothing comes after a failure or when all have come', () => {
    expect(toCome(layout(whole), running)).toEqual([]);
    expect(toCome(layout([event('hypervisor_start', '19.2', '19.4', 'Error')]), building)).toEqual([]);
  });
});
