import { ApiError } from '~/api/error';
import type { SecurityGroup } from '~/api/network';
import { createMany } from '~/api/networkWrite';
import type { RuleSpec } from './rules';

/** addRules adds all rules or none. exists: what to say of a rule that is there already. */
export async function addRules(
  group: SecurityGroup,
  rules: RuleSpec[],
  description: string,
  exists: (rule: RuleSpec | undefined) => string,
): Promise<void> {
  try {
    await createMany(
      'security_group_rule',
      rules.map((rule) => ({ ...rule, security_group_id: group.id, ...(description && { description }) })),
    );
  } catch (error) {
    if (!(error instanceof ApiError) || error.type !== 'SecurityGroupRuleExists') throw error;
    // The API names the rule that is there by its id, which tells a person nothing.
    const there = group.security_group_rules.find((rule) => error.message.includes(rule.id));
    throw new ApiError(error.status, exists(there), error.type, error.requestId);
  }
}
