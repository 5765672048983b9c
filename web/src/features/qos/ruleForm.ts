import type { QoSRule, RuleKind } from '~/api/qos';

export interface RuleValues {
  kind: RuleKind;
  direction: 'ingress' | 'egress';
  kbps: string;
  burst: string;
  mark: string;
}

export const newRule: RuleValues = { kind: 'bandwidth_limit', direction: 'egress', kbps: '', burst: '', mark: '' };

/** ruleFields is the body for a new rule: each kind has fields of its own. */
export function ruleFields(v: RuleValues): Record<string, unknown> {
  if (v.kind === 'dscp_marking') return { dscp_mark: Number(v.mark) };
  if (v.kind === 'minimum_bandwidth') return { min_kbps: Number(v.kbps), direction: v.direction };
  return {
    max_kbps: Number(v.kbps),
    ...(v.burst && { max_burst_kbps: Number(v.burst) }),
    direction: v.direction,
  };
}

/** The number of a rule: kilobits in a second, or the mark. */
export const amountOf = (r: QoSRule): number => r.dscp_mark ?? r.max_kbps ?? r.min_kbps ?? 0;
