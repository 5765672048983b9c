/** A time as date (YYYY-MM-DD) and time of day (HH:MM) of the user's own clock. */
export interface Expiry {
  date: string;
  time: string;
}

/** expiryOf is the moment that was chosen; undefined while it is none. */
export function expiryOf({ date, time }: Expiry): Date | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) return undefined;
  if (!/^([01]\d|2[0-3]):[0-5]\d$/.test(time)) return undefined;
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  const [hours, minutes] = time.split(':').map(Number) as [number, number];
  const at = new Date(year, month - 1, day, hours, minutes);
  return at.getMonth() === month - 1 && at.getDate() === day ? at : undefined;
}

/** expiryText is how the API takes it: UTC, to the second. */
export const expiryText = (at: Date): string => at.toISOString().slice(0, 19);
