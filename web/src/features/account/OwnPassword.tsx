import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Form from '@cloudscape-design/components/form';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { ApiError, messageOf } from '~/api/error';
import { usePasswordRule, useUser } from '~/api/identity';
import { changePassword } from '~/api/session';
import { useSession } from '~/app/useSession';
import { TextField } from '~/ui/fields';
import { formatTime } from '~/ui/format';
import { notify } from '~/ui/notify';
import { PasswordFields } from '~/ui/PasswordFields';

/** Changing one's own password. The session goes on with a new token; those of other places end. */
export function OwnPassword() {
  const { t } = useTranslation('account');
  const { body } = useSession();
  const rule = usePasswordRule().data;
  const ends = useUser(body.user.id).data?.password_expires_at;
  const [failure, setFailure] = useState('');
  const form = useForm({ mode: 'onChange', defaultValues: { old: '', password: '', repeated: '' } });
  const submit = form.handleSubmit(async ({ old, password }) => {
    setFailure('');
    try {
      await changePassword(old, password);
    } catch (error) {
      setFailure(error instanceof ApiError && error.status === 401 ? t('wrongPassword') : messageOf(error));
      return;
    }
    form.reset();
    notify.success(t('passwordChanged'));
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Container
        header={
          <Header variant="h2" description={t('passwordText')}>
            {t('password')}
          </Header>
        }
      >
        <Form
          actions={
            <Button
              variant="primary"
              formAction="submit"
              loading={form.formState.isSubmitting}
              data-testid="change-password"
            >
              {t('changePassword')}
            </Button>
          }
        >
          <SpaceBetween size="m">
            {failure && (
              <Alert type="error" header={t('common:failed')} data-testid="password-failure">
                {failure}
              </Alert>
            )}
            <TextField
              control={form.control}
              name="old"
              label={t('oldPassword')}
              type="password"
              autoComplete="current-password"
            />
            <PasswordFields form={form} />
            {rule && <Box color="text-body-secondary">{t('passwordRule', { rule })}</Box>}
            {ends && <Alert type="info">{t('passwordEnds', { when: formatTime(ends) })}</Alert>}
          </SpaceBetween>
        </Form>
      </Container>
    </form>
  );
}
