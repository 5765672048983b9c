import type { QoSRule, RuleKind } from '~/api/qos';

export interface RuleValues {
  kind: RuleKind;
  direction: 'ingress' | 'egress';
  /** Kilobits or 1000 packets in a second. */
  rate: string;
  burst: string;
  mark: string;
}

export const newRule: RuleValues = { kind: 'bandwidth_limit', direction: 'egress', rate: '', burst: '', mark: '' };

/** What the rate and the burst of each kind are called; a mark is neither. */
const attributes = {
  bandwidth_limit: { rate: 'max_kbps', burst: 'max_burst_kbps' },
  packet_rate_limit: { rate: 'max_kpps', burst: 'max_burst_kpps' },
  minimum_bandwidth: { rate: 'min_kbps', burst: undefined },
} as const;

/** bursts tells whether more may pass at once by rules of a kind. */
export const bursts = (kind: RuleKind): boolean => kind !== 'dscp_marking' && attributes[kind].burst !== undefined;

/** valuesOf are those of the form for a rule that is there. A burst of 0 is the cloud's own choice. */
export const valuesOf = (r: QoSRule): RuleValues => ({
  kind: r.type,
  direction: r.direction ?? 'egress',
  rate: r.type === 'dscp_marking' ? '' : String(amountOf(r)),
  burst: burstOf(r) ? String(burstOf(r)) : '',
  mark: r.type === 'dscp_marking' ? String(amountOf(r)) : '',
});

/** ruleFields is the body for a rule: each kind has fields of its own. */
export function ruleFields(v: RuleValues): Record<string, unknown> {
  if (v.kind === 'dscp_marking') return { dscp_mark: Number(v.mark) };
  const { rate, burst } = attributes[v.kind];
  return { [rate]: Number(v.rate), ...(burst && v.burst && { [burst]: Number(v.burst) }), direction: v.direction };
}

/** changedFields is the body for a change of a rule; a burst that was taken away is 0. */
export function changedFields(v: RuleValues): Record<string, unknown> {
  const fields = ruleFields(v);
  const burst = v.kind === 'dscp_marking' ? undefined : attributes[v.kind].burst;
  return burst ? { [burst]: 0, ...fields } : fields;
}

/** The number of a rule: kilobits or 1000 packets in a second, or the mark. */
export const amountOf = (r: QoSRule): number => r.dscp_mark ?? r.max_kbps ?? r.max_kpps ?? r.min_kbps ?? 0;

/** How much may pass at once: kilobits or 1000 packets. */
export const burstOf = (r: QoSRule): number => r.max_burst_kbps ?? r.max_burst_kpps ?? 0;
