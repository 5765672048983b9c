import { expect, test } from 'vitest';
import type { Diagnostics } from '~/api/diagnostics';
import { pointOf, type Sample } from './rates';

function sample(at: number, cpu: number | null, octets: number, uptime = 50): Sample {
  const nic = { mac_address: 'aa', rx_packets: 0, rx_errors: 0, rx_drop: 0, tx_packets: 0, tx_errors: 0, tx_drop: 0 };
  const counters: Diagnostics = {
    state: 'running',
    driver: 'libvirt',
    hypervisor: 'qemu',
    uptime,
    num_cpus: 2,
    cpu_details: [
      { id: 0, time: cpu },
      { id: 1, time: 0 },
    ],
    nic_details: [
      { ...nic, rx_octets: octets, tx_octets: 0 },
      { ...nic, rx_octets: octets, tx_octets: 0 },
    ],
    disk_details: [],
    memory_details: { maximum: 128, used: 64 },
  };
  return { at, counters };
}

test('rates are over all processors and interfaces', () => {
  const point = pointOf(sample(1_000, 1e9, 100), sample(3_000, 2e9, 600));
  expect(point).toEqual({ at: 3_000, cpu: 25, received: 500, sent: 0, read: 0, written: 0, memory: 64 });
});

test('what is not told has no rate', () => {
  expect(pointOf(sample(0, null, 0), sample(1_000, 5, 0))?.cpu).toBeNull();
});

test('a counter that began anew has no rate, and a machine that did has no point', () => {
  expect(pointOf(sample(0, 0, 500), sample(1_000, 0, 100))?.received).toBeNull();
  expect(pointOf(sample(0, 0, 0, 50), sample(1_000, 0, 0, 2))).toBeUndefined();
  expect(pointOf(sample(1_000, 0, 0), sample(1_000, 0, 0))).toBeUndefined();
});
