import { expiryText } from '~/features/credentials/expiry';

export interface TrustValues {
  trustee: string;
  roles: string[];
  impersonation: boolean;
  uses: string;
  /** How often it may be passed on; '' is never. */
  passed: string;
}

/** trustFields is the body for a new trust. Uses cannot be counted of what may be passed on: the API refuses both at once. */
export function trustFields(v: TrustValues, from: { user: string; project: string }, expires: Date | undefined) {
  return {
    trustor_user_id: from.user,
    trustee_user_id: v.trustee.trim(),
    project_id: from.project,
    impersonation: v.impersonation,
    roles: v.roles.map((id) => ({ id })),
    ...(expires && { expires_at: expiryText(expires) }),
    ...(v.passed
      ? { allow_redelegation: true, redelegation_count: Number(v.passed) }
      : v.uses && { remaining_uses: Number(v.uses) }),
  };
}
