import type { Diagnostics } from '~/api/diagnostics';

/** Counters of a machine at one time. */
export interface Sample {
  /** In milliseconds since 1970. */
  at: number;
  counters: Diagnostics;
}

/** What happened between two samples; null where the hypervisor does not tell. */
export interface Point {
  at: number;
  /** In per cent of all its processors. */
  cpu: number | null;
  /** In bytes a second. */
  received: number | null;
  sent: number | null;
  read: number | null;
  written: number | null;
  /** In MiB. */
  memory: number | null;
}

const sum = (values: (number | null)[]): number | null =>
  values.some((v) => v === null) ? null : values.reduce<number>((total, v) => total + (v ?? 0), 0);

/** rate is how fast a counter went; null when it began anew, as after a reboot. */
function rate(before: number | null, after: number | null, seconds: number): number | null {
  if (before === null || after === null || after < before) return null;
  return (after - before) / seconds;
}

/** pointOf computes rates from two samples; undefined when no time lies between them, or the machine is another one. */
export function pointOf(before: Sample, after: Sample): Point | undefined {
  const seconds = (after.at - before.at) / 1000;
  const [a, b] = [before.counters, after.counters];
  if (seconds <= 0) return undefined;
  if (a.uptime !== null && b.uptime !== null && b.uptime < a.uptime) return undefined;
  const of = (pick: (d: Diagnostics) => (number | null)[]) => rate(sum(pick(a)), sum(pick(b)), seconds);
  const cpu = of((d) => d.cpu_details.map((c) => c.time));
  return {
    at: after.at,
    cpu: cpu === null || b.num_cpus === 0 ? null : Math.min(100, (cpu / 1e9 / b.num_cpus) * 100),
    received: of((d) => d.nic_details.map((n) => n.rx_octets)),
    sent: of((d) => d.nic_details.map((n) => n.tx_octets)),
    read: of((d) => d.disk_details.map((n) => n.read_bytes)),
    written: of((d) => d.disk_details.map((n) => n.write_bytes)),
    memory: b.memory_details.used,
  };
}
