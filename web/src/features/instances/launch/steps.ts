import type { ApiError } from '~/api/error';

/** The steps of the wizard, in their order. */
export const steps = ['details', 'source', 'flavor', 'networks', 'security', 'key', 'advanced', 'review'] as const;
export type Step = (typeof steps)[number];

// What the Compute API says when it refuses, and the step that asked for what it refuses. The first that matches counts.
const signs: [RegExp, Step][] = [
  [/Flavor's|flavor|zero disk|disk would be too small/i, 'flavor'],
  [/quota exceeded for|Quota exceeded.*(instances|cores|ram)\b/i, 'flavor'],
  [
    /server group|Instance group|servers in group|metadata|user_?data|tag\b|tags\b|config_drive|same_host|different_host/i,
    'advanced',
  ],
  [/security.?group/i, 'security'],
  [/key_?name|key ?pair/i, 'key'],
  [/image/i, 'source'],
  [/zone|Compute host|min_count|max_count|attribute (name|description|hostname)\b/i, 'details'],
  [/network|subnet|\bport\b|ports\b|fixed.?ip|ip address|address(es)?\b/i, 'networks'],
];

/** stepOf is the step that a refusal belongs to; the review where it cannot be told. */
export function stepOf(error: Pick<ApiError, 'message' | 'status'>): Step {
  const { message } = error;
  // Both are said of ports that shall be given or made, although they speak of counts.
  if (/port can be given to one server only|fixed_ip is specified/i.test(message)) return 'networks';
  if (/quota exceeded for resources: .*port/i.test(message)) return 'networks';
  return signs.find(([sign]) => sign.test(message))?.[1] ?? 'review';
}
