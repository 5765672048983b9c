import i18next from 'i18next';
import ipaddr from 'ipaddr.js';
import { type Address, parseAddress } from './address';
import { type Rule, say } from './rules';

// The rules of the Networking API for ranges, pools, routes and address pairs.

export interface Pool {
  start: string;
  end: string;
}

export interface Route {
  destination: string;
  nexthop: string;
}

/** A range in numbers: IPv4 and IPv6 are told apart by `bits`. */
interface Range {
  version: 4 | 6;
  first: bigint;
  last: bigint;
  prefix: number;
}

const number = (address: Address): bigint => address.toByteArray().reduce((n, byte) => (n << 8n) | BigInt(byte), 0n);
const versionOf = (address: Address): 4 | 6 => (address.kind() === 'ipv4' ? 4 : 6);

export function parseRange(text: string): Range | undefined {
  const [head = ''] = text.split('/');
  if (!parseAddress(head) || !ipaddr.isValidCIDR(text)) return undefined;
  const [address, prefix] = ipaddr.parseCIDR(text);
  const size = 1n << BigInt((address.kind() === 'ipv4' ? 32 : 128) - prefix);
  const first = number(address) - (number(address) % size);
  return { version: versionOf(address), first, last: first + size - 1n, prefix };
}

/** networkOf writes a range as the API wants it: without the bits of a host. */
export function networkOf(text: string): string {
  const [address, prefix] = ipaddr.parseCIDR(text);
  const size = 1n << BigInt((address.kind() === 'ipv4' ? 32 : 128) - prefix);
  let rest = number(address) - (number(address) % size);
  const bytes: number[] = address.toByteArray();
  for (let i = bytes.length - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 255n);
  return `${ipaddr.fromByteArray(bytes)}/${prefix}`;
}

export function overlap(a: string, b: string): boolean {
  const [x, y] = [parseRange(a), parseRange(b)];
  return x !== undefined && y !== undefined && x.version === y.version && x.first <= y.last && y.first <= x.last;
}

export function contains(range: string, address: string): boolean {
  const [r, a] = [parseRange(range), parseAddress(address)];
  if (!r || !a || versionOf(a) !== r.version) return false;
  return r.first <= number(a) && number(a) <= r.last;
}

/** hosts are the first and last address of a range that hosts can have. */
function hosts(range: Range): [bigint, bigint] {
  const left = (range.version === 4 ? 32 : 128) - range.prefix;
  if (left === 0 || (left === 1 && range.version === 4)) return [range.first, range.last];
  return [range.first + 1n, range.version === 4 ? range.last - 1n : range.last];
}

const examples = { 4: '10.0.0.0/24', 6: 'fd00::/64' } as const;

/** subnetRange checks the CIDR of a new subnet. slaac: hosts choose their own addresses. */
export const subnetRange =
  (version: 4 | 6, options: { dhcp: boolean; slaac: boolean }): Rule =>
  (value) => {
    if (!value) return undefined;
    const range = parseRange(value);
    if (!range || range.version !== version) return say('rangeOf', { version, example: examples[version] });
    const written = networkOf(value);
    const [address, prefix] = ipaddr.parseCIDR(value);
    if (number(address) !== range.first) return say('canonical', { range: written });
    const kind = address.range();
    if (prefix === 0 || kind === 'multicast' || kind === 'loopback' || range.first === 0n)
      return say('rangeKind', { range: written });
    const longest = version === 4 ? 30 : 126;
    if (options.dhcp && prefix > longest) return say('dhcpSize', { bits: longest });
    return options.slaac && prefix !== 64 ? say('slaac') : undefined;
  };

/** gatewayOf checks the gateway of a subnet; one outside of the range is allowed. */
export const gatewayOf =
  (range: string): Rule =>
  (value) => {
    const [r, a] = [parseRange(range), parseAddress(value)];
    if (!value || !r) return undefined;
    if (!a || versionOf(a) !== r.version) return say('addressOf', { version: r.version });
    const [first, last] = hosts(r);
    const n = number(a);
    return n >= r.first && n <= r.last && (n < first || n > last) ? say('gatewayHost') : undefined;
  };

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);

export { linesOf };

export function parsePools(text: string): Pool[] {
  return linesOf(text).map((line) => {
    const [start = '', end = ''] = line.split(/\s*[-–,]\s*|\s+/);
    return { start, end };
  });
}

export const writePools = (pools: Pool[]): string => pools.map((p) => `${p.start}-${p.end}`).join('\n');

/** poolsOf checks allocation pools, one on a line. gateway '': the subnet has none, or the API chooses it. */
export const poolsOf =
  (range: string, gateway: string): Rule =>
  (value) => {
    const r = parseRange(range);
    if (!value || !r) return undefined;
    const door = parseAddress(gateway);
    const before: { pool: string; from: bigint; to: bigint }[] = [];
    for (const { start, end } of parsePools(value)) {
      const pool = `${start}-${end}`;
      const [a, b] = [parseAddress(start), parseAddress(end)];
      if (!a || !b || versionOf(a) !== r.version || versionOf(b) !== r.version || number(b) < number(a))
        return say('pool');
      const [from, to] = [number(a), number(b)];
      const [first, last] = hosts(r);
      if (from < first || to > last) return say('poolOutside', { pool, range });
      if (door && versionOf(door) === r.version && from <= number(door) && number(door) <= to)
        return say('gatewayInPool', { gateway, pool });
      const other = before.find((p) => from <= p.to && p.from <= to);
      if (other) return say('poolOverlap', { pool, other: other.pool });
      before.push({ pool, from, to });
    }
    return undefined;
  };

const maxDNS = 5;
const maxHostRoutes = 20;

/** nameservers checks DNS servers, one on a line. */
export const nameservers =
  (version: 4 | 6): Rule =>
  (value) => {
    const all = linesOf(value);
    if (all.length > maxDNS) return say('dnsCount', { max: maxDNS });
    for (const [i, text] of all.entries()) {
      const address = parseAddress(text);
      if (!address || versionOf(address) !== version) return say('addressOf', { version });
      if (all.indexOf(text) !== i) return say('dnsTwice', { address: text });
    }
    return undefined;
  };

export function parseRoutes(text: string): Route[] {
  return linesOf(text).map((line) => {
    const [destination = '', nexthop = ''] = line.split(/\s*,\s*|\s+/);
    return { destination, nexthop };
  });
}

export const writeRoutes = (routes: Route[]): string => routes.map((r) => `${r.destination} ${r.nexthop}`).join('\n');

/** routeDestination checks the range that a route leads to. */
export const routeDestination: Rule = (value) => {
  if (!value) return undefined;
  const range = parseRange(value);
  if (!range) return say('cidr');
  return networkOf(value).split('/')[0] === ipaddr.parseCIDR(value)[0].toString()
    ? undefined
    : say('canonical', { range: networkOf(value) });
};

/** hostRoutes checks the routes that hosts of a subnet get, one on a line. */
export const hostRoutes =
  (version: 4 | 6): Rule =>
  (value) => {
    const all = parseRoutes(value);
    if (all.length > maxHostRoutes) return say('max', { max: maxHostRoutes });
    for (const { destination, nexthop } of all) {
      const [range, hop] = [parseRange(destination), parseAddress(nexthop)];
      if (!range || !hop || range.version !== version || versionOf(hop) !== version) return say('route');
      const wrong = routeDestination(destination);
      if (wrong) return wrong;
    }
    return undefined;
  };

/** nextHop checks the next hop of a router's route: in a range of the router, and not the router itself. */
export const nextHop =
  (ranges: string[], own: string[]): Rule =>
  (value) => {
    if (!value) return undefined;
    const address = parseAddress(value);
    if (!address) return say('address');
    if (own.includes(address.toString())) return say('hopOwn');
    if (ranges.some((range) => contains(range, value))) return undefined;
    return say('hop', {
      ranges: new Intl.ListFormat(i18next.language || 'en', { type: 'disjunction' }).format(ranges),
    });
  };

const macForm = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

export function parsePairs(text: string): { ip_address: string; mac_address?: string }[] {
  return linesOf(text).map((line) => {
    const [ip_address = '', mac_address] = line.split(/\s*,\s*|\s+/);
    return mac_address ? { ip_address, mac_address } : { ip_address };
  });
}

/** addressPairs checks the allowed address pairs of a port, one on a line. */
export const addressPairs: Rule = (value) => {
  const all = parsePairs(value);
  if (all.length > 10) return say('dnsCount', { max: 10 });
  for (const { ip_address, mac_address } of all) {
    const range = parseRange(ip_address);
    if (!range && !parseAddress(ip_address)) return say('pair');
    if (range?.prefix === 0) return say('rangeKind', { range: ip_address });
    if (mac_address !== undefined && !macForm.test(mac_address)) return say('pair');
  }
  return undefined;
};
