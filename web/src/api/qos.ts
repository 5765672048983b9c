import { useQuery } from '@tanstack/react-query';
import { listOf, oneOf } from './network';
import { write } from './write';

// How much networks and ports may send: types as in the Networking API v2.0 reference, extension qos.

/** The kinds of rules that a policy can have, and their paths. */
export const ruleKinds = ['bandwidth_limit', 'packet_rate_limit', 'minimum_bandwidth', 'dscp_marking'] as const;
export type RuleKind = (typeof ruleKinds)[number];

export interface QoSRule {
  id: string;
  type: RuleKind;
  direction?: 'ingress' | 'egress';
  max_kbps?: number;
  max_burst_kbps?: number;
  /** In 1000 packets in a second, and in 1000 packets. */
  max_kpps?: number;
  max_burst_kpps?: number;
  min_kbps?: number;
  dscp_mark?: number;
}

export interface QoSPolicy {
  id: string;
  name: string;
  description: string;
  project_id: string;
  shared: boolean;
  is_default: boolean;
  rules: QoSRule[];
  tags: string[];
  created_at: string;
  updated_at: string;
}

/** Values of a packet's DSCP field that the API takes (RFC 2474, 2597, 3246). */
export const dscpMarks = [0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 46, 48, 56];

export const useQoSPolicies = (enabled = true) =>
  useQuery({ queryKey: ['qos_policy'], queryFn: () => listOf<QoSPolicy>('qos/policies', 'policies')(), enabled });
export const useQoSPolicy = (id: string) =>
  useQuery({ queryKey: ['qos_policy', id], queryFn: () => oneOf<QoSPolicy>('qos/policies', 'policy')(id) });

/** The kinds of rules that this cloud can follow. */
export const useQoSRuleKinds = () =>
  useQuery({
    queryKey: ['qos_rule_type'],
    queryFn: () => listOf<{ type: string }>('qos/rule-types', 'rule_types')(),
    select: (all) => ruleKinds.filter((kind) => all.some((one) => one.type === kind)),
  });

type Fields = Record<string, unknown>;
const base = '/qos/policies';

export const createPolicy = (policy: Fields) => write(['qos_policy'], 'network', 'POST', base, { policy });
export const updatePolicy = (id: string, policy: Fields) =>
  write(['qos_policy'], 'network', 'PUT', `${base}/${id}`, { policy });
export const deletePolicy = (id: string) => write(['qos_policy'], 'network', 'DELETE', `${base}/${id}`);
export const setPolicyTags = (id: string, tags: string[]) =>
  write(['qos_policy'], 'network', 'PUT', `/policies/${id}/tags`, { tags });
export const createRule = (policy: string, kind: RuleKind, rule: Fields) =>
  write(['qos_policy'], 'network', 'POST', `${base}/${policy}/${kind}_rules`, { [`${kind}_rule`]: rule });
export const updateRule = (policy: string, { type, id }: QoSRule, rule: Fields) =>
  write(['qos_policy'], 'network', 'PUT', `${base}/${policy}/${type}_rules/${id}`, { [`${type}_rule`]: rule });
export const deleteRule = (policy: string, { type, id }: QoSRule) =>
  write(['qos_policy'], 'network', 'DELETE', `${base}/${policy}/${type}_rules/${id}`);
