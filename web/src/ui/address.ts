import ipaddr from 'ipaddr.js';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** parseAddress reads an address in full: "10.1" and "1" are none, and neither is "010.0.0.5", which some read as octal. */
export function parseAddress(text: string): Address | undefined {
  if (!ipaddr.isValid(text) || text.includes('%')) return undefined;
  if (!text.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined;
  return ipaddr.parse(text);
}
