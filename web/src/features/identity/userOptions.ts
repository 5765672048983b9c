import type { User } from '~/api/identity';

/** The settings of a user that the Identity API knows, in the order in which they are shown. */
export const userOptions = [
  'lock_password',
  'ignore_password_expiry',
  'ignore_change_password_upon_first_use',
  'ignore_lockout_failure_attempts',
  'ignore_user_inactivity',
  'multi_factor_auth_enabled',
] as const;
export type UserOption = (typeof userOptions)[number];

export const optionsOf = (user?: User): UserOption[] =>
  userOptions.filter((option) => user?.options?.[option] === true);

/** optionsChange is what makes the chosen options of those that are: true, and null for what is taken away. */
export function optionsChange(before: UserOption[], chosen: string[]): Record<string, boolean | null> {
  const change: Record<string, boolean | null> = {};
  for (const option of userOptions) {
    const wanted = chosen.includes(option);
    if (wanted !== before.includes(option)) change[option] = wanted ? true : null;
  }
  return change;
}
