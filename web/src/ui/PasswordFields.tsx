import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect } from 'react';
import type { UseFormReturn } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { TextField } from './fields';
import type { Rule } from './rules';

/** The longest password that the identity service takes, in bytes. */
const maxBytes = 4096;

export interface NewPassword {
  password: string;
  repeated: string;
}

/** A new password, typed twice. Without `optional` there must be one. */
export function PasswordFields<T extends NewPassword>(props: { form: UseFormReturn<T>; optional?: boolean }) {
  const { t } = useTranslation();
  const { optional } = props;
  // A form with more fields than these two; the types of paths cannot say so of a T.
  const form = props.form as unknown as UseFormReturn<NewPassword>;
  const password = form.watch('password');
  const { dirtyFields } = form.formState;
  const repeatedTouched = dirtyFields.repeated;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the repetition is checked again when the password changes
  useEffect(() => {
    if (repeatedTouched) void form.trigger('repeated');
  }, [password]);
  const fits: Rule = (value) =>
    new TextEncoder().encode(value).length > maxBytes ? t('rules.maxBytes', { max: maxBytes }) : undefined;
  const same: Rule = (value) => (value === form.getValues('password') ? undefined : t('rules.samePassword'));
  return (
    <SpaceBetween size="m">
      <TextField
        control={form.control}
        name="password"
        label={t('newPassword')}
        type="password"
        autoComplete="new-password"
        optional={optional}
        rule={fits}
      />
      <TextField
        control={form.control}
        name="repeated"
        label={t('repeatPassword')}
        type="password"
        autoComplete="new-password"
        optional={optional}
        rule={same}
      />
    </SpaceBetween>
  );
}
