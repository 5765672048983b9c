import i18next from 'i18next';

/** Times of the APIs that name no zone are UTC. */
export function parseTime(text: string): Date {
  return new Date(/([zZ]|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
}

export function formatTime(text: string | null | undefined): string {
  if (!text) return '–';
  const at = parseTime(text);
  if (Number.isNaN(at.getTime())) return '–';
  return new Intl.DateTimeFormat(i18next.language, { dateStyle: 'medium', timeStyle: 'medium' }).format(at);
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** formatAge is how long ago, in the largest whole unit: "3 hours ago". */
export function formatAge(text: string | null | undefined, now = Date.now()): string {
  if (!text) return '–';
  const seconds = Math.round((parseTime(text).getTime() - now) / 1000);
  const [unit, size] = steps.find(([, n]) => Math.abs(seconds) >= n) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(i18next.language, { numeric: 'auto' }).format(Math.round(seconds / size), unit);
}

const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return '–';
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < binary.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${formatNumber(value, value < 10 && unit > 0 ? 1 : 0)} ${binary[unit]}`;
}

export const formatMiB = (mib: number): string => formatBytes(mib * 1024 * 1024);
export const formatGiB = (gib: number): string => formatBytes(gib * 1024 ** 3);

export function formatNumber(value: number, digits = 0): string {
  return new Intl.NumberFormat(i18next.language, { maximumFractionDigits: digits }).format(value);
}

const inUnit = (value: number, unit: 'minute' | 'hour' | 'day'): string =>
  new Intl.NumberFormat(i18next.language, { style: 'unit', unit, unitDisplay: 'short' }).format(Math.floor(value));

/** formatSeconds is a duration: "12 µs", "4.6 ms", "156 ms", "7.2 s", "3 min 5 s", "2 hr 5 min", "3 days 2 hr". */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.001) return `${formatNumber(seconds * 1e6)} µs`;
  if (seconds < 0.01) return `${formatNumber(seconds * 1000, 1)} ms`;
  if (seconds < 1) return `${formatNumber(seconds * 1000)} ms`;
  if (seconds < 60) return `${formatNumber(seconds, 1)} s`;
  if (seconds < 3600) return `${inUnit(seconds / 60, 'minute')} ${formatNumber(Math.floor(seconds % 60))} s`;
  if (seconds < 86_400) return `${inUnit(seconds / 3600, 'hour')} ${inUnit((seconds % 3600) / 60, 'minute')}`;
  return `${inUnit(seconds / 86_400, 'day')} ${inUnit((seconds % 86_400) / 3600, 'hour')}`;
}

/** shortId is enough of an id for a person to tell it from others. */
export const shortId = (id: string): string => id.slice(0, 8);

/** nameOf is what to call a thing that may have no name. */
export const nameOf = (thing: { name?: string | null; id: string }): string => thing.name || `(${shortId(thing.id)})`;
