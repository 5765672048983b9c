import type { Direction, MeteringRule } from '~/api/metering';
import type { Fields } from '~/api/networkWrite';
import { parseAddress } from '~/ui/address';
import { type Rule, say } from '~/ui/rules';
import { parseRange } from '~/ui/subnetRules';

export interface RuleValues {
  direction: Direction;
  source: string;
  destination: string;
  excluded: boolean;
}

export const newRule: RuleValues = { direction: 'ingress', source: '', destination: '', excluded: false };

/** ruleFields is the body for a new rule of a label; an end that is not given is any. */
export function ruleFields(label: string, v: RuleValues): Fields {
  const [source, destination] = [v.source.trim(), v.destination.trim()];
  return {
    metering_label_id: label,
    direction: v.direction,
    excluded: v.excluded,
    ...(source && { source_ip_prefix: source }),
    ...(destination && { destination_ip_prefix: destination }),
  };
}

/** endsOf are the two ends of what a rule counts, null for any: a remote prefix is the end inside. */
export function endsOf(r: MeteringRule): { source: string | null; destination: string | null } {
  const inside = r.remote_ip_prefix;
  return r.direction === 'egress'
    ? { source: r.source_ip_prefix ?? inside, destination: r.destination_ip_prefix }
    : { source: r.source_ip_prefix, destination: r.destination_ip_prefix ?? inside };
}

const versionOf = (text: string): 4 | 6 | undefined => {
  const one = parseAddress(text);
  return one ? (one.kind() === 'ipv4' ? 4 : 6) : parseRange(text)?.version;
};

const examples = { 4: '10.0.0.0/24', 6: 'fd00::/64' } as const;

/** endRule checks an end: an address or a range, of the same version as the other end. */
export const endRule =
  (other: string): Rule =>
  (value) => {
    if (!value.trim()) return undefined;
    const version = versionOf(value.trim());
    if (!version) return say('cidr');
    const wanted = versionOf(other.trim());
    return wanted && wanted !== version ? say('rangeOf', { version: wanted, example: examples[wanted] }) : undefined;
  };
