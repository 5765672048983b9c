import ipaddr from 'ipaddr.js';
import { parseAddress } from '~/ui/address';
import { type Rule, say } from '~/ui/rules';

/** What the form asks; the address of the page carries the same, so that a link shows the same trace. */
export interface TraceValues {
  port: string;
  to: string;
  protocol: string;
  destinationPort: string;
  sourcePort: string;
}

export const protocols = ['icmp', 'tcp', 'udp', 'sctp', 'other'] as const;

export const hasPorts = (protocol: string): boolean => ['tcp', 'udp', 'sctp'].includes(protocol);

export interface FormValues extends TraceValues {
  /** The number of another protocol. */
  number: string;
}

const text = (query: URLSearchParams, name: string): string => query.get(name) ?? '';

export function formOf(query: URLSearchParams): FormValues {
  const asked = text(query, 'protocol').toLowerCase() || 'icmp';
  const known = protocols.some((p) => p === asked && p !== 'other');
  return {
    port: text(query, 'port'),
    to: text(query, 'to'),
    protocol: known ? asked : 'other',
    number: known ? '' : asked,
    destinationPort: text(query, 'destination_port'),
    sourcePort: text(query, 'source_port'),
  };
}

/** queryOf is the address of the page for a form; what is not needed is left out. */
export function queryOf(v: FormValues): Record<string, string> {
  const protocol = v.protocol === 'other' ? v.number.trim() : v.protocol;
  const query: Record<string, string> = { port: v.port, to: v.to.trim(), protocol };
  if (!hasPorts(v.protocol)) return query;
  if (v.destinationPort) query.destination_port = v.destinationPort.trim();
  if (v.sourcePort) query.source_port = v.sourcePort.trim();
  return query;
}

/** questionOf is what the API is asked for an address of the page; undefined when it does not say enough. */
export function questionOf(query: URLSearchParams): { port: string; query: Record<string, string> } | undefined {
  const v = formOf(query);
  if (!v.port || !v.to || (hasPorts(v.protocol) && !v.destinationPort)) return undefined;
  const { port, to, ...rest } = queryOf(v);
  return { port: port ?? '', query: { destination: to ?? '', ...rest } };
}

/** receiver checks the address of one receiver. */
export const receiver: Rule = (value) => {
  if (!value) return undefined;
  const address = parseAddress(value.trim());
  if (!address) return say('address');
  const kind = ipaddr.parse(value.trim()).range();
  return ['multicast', 'unspecified', 'broadcast'].includes(kind) ? say('address') : undefined;
};
