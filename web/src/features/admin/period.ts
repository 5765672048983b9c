import type { Period } from '~/api/usage';

/** Periods that people ask for: words of `usage.period`. */
export const periods = ['day', 'week', 'month', 'lastMonth', 'quarter'] as const;
export type PeriodName = (typeof periods)[number];

/** apiTime is a time as the API reads it: UTC without a zone. */
export const apiTime = (at: Date): string => at.toISOString().slice(0, 19);

/** periodOf is a period that ends now or ended with a month, in UTC as the API has days. */
export function periodOf(name: PeriodName, now = new Date()): Period {
  const day = 24 * 3_600_000;
  const first = (monthsAgo: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - monthsAgo, 1));
  const ago = (days: number) => new Date(now.getTime() - days * day);
  const span = (start: Date, end = now): Period => ({ start: apiTime(start), end: apiTime(end) });
  switch (name) {
    case 'day':
      return span(ago(1));
    case 'week':
      return span(ago(7));
    case 'month':
      return span(first(0));
    case 'lastMonth':
      return span(first(1), first(0));
    case 'quarter':
      return span(ago(90));
  }
}

/** csvOf is a table for a spreadsheet (RFC 4180). What could be taken for a formula there is made text. */
export const csvOf = (rows: (string | number)[][]): string =>
  rows
    .map((row) =>
      row
        .map((cell) => {
          const text = typeof cell === 'string' && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell);
          return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
        })
        .join(','),
    )
    .map((line) => `${line}\r\n`)
    .join('');
