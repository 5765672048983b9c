/** How a console is, from the question for it to its end. */
export type Phase =
  | { name: 'connecting' }
  | { name: 'open' }
  | { name: 'closed'; why: Closing; reason?: string }
  /** The cloud refused it; the words are its own. */
  | { name: 'refused'; error: unknown };

/** Why a stream ended: a word of `console.closed`. */
export type Closing = 'ended' | 'lost' | 'elsewhere' | 'refused' | 'cut' | 'protocol';

/** closingOf reads the code with which a console's WebSocket was closed (RFC 6455, 7.4, and the cloud's own). */
export function closingOf({ code, reason }: { code: number; reason: string }, opened: boolean): Phase {
  const why: Record<number, Closing> = { 1000: 'ended', 1002: 'protocol', 1013: 'lost', 4001: 'elsewhere' };
  return { name: 'closed', why: why[code] ?? (opened ? 'cut' : 'refused'), reason: code === 4001 ? '' : reason };
}
