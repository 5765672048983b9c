import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { login, proveAndChange } from '~/api/session';
import { PasswordFields } from '~/ui/PasswordFields';
import { LoginFailure } from './LoginFailure';

/** Who has proved a password that has expired: id is the user's. */
export interface Expired {
  id: string;
  user: string;
  password: string;
  domain: string;
}

/** Another password in place of one that has expired, and the log-in with it. */
export function ExpiredPassword({ of, leave }: { of: Expired; leave: () => void }) {
  const { t } = useTranslation();
  const [failure, setFailure] = useState<unknown>();
  const form = useForm({ mode: 'onChange', defaultValues: { password: '', repeated: '' } });
  const submit = form.handleSubmit(async ({ password }) => {
    setFailure(undefined);
    try {
      await proveAndChange(of.id, of.password, password);
    } catch (error) {
      setFailure(error);
      return;
    }
    try {
      await login(of.user, password, of.domain);
    } catch {
      leave(); // it is changed: what is the matter with the log-in, the next one says
    }
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <SpaceBetween size="m">
        <Alert type="warning" data-testid="password-expired">
          {t('login.expiredText', { user: of.user })}
        </Alert>
        {failure !== undefined && <LoginFailure error={failure} />}
        <PasswordFields form={form} />
        <Button
          variant="primary"
          fullWidth
          loading={form.formState.isSubmitting}
          formAction="submit"
          data-testid="change-expired"
        >
          {t('login.change')}
        </Button>
        <Button variant="inline-link" formAction="none" onClick={leave}>
          {t('login.otherUser')}
        </Button>
      </SpaceBetween>
    </form>
  );
}
