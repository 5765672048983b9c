import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { lazy, Suspense, useEffect, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { expiredUser, login } from '~/api/session';
import { TextField } from '~/ui/TextField';
import type { Expired } from './ExpiredPassword';
import { type Language, languages, setLanguage } from './i18n';
import { LoginFailure } from './LoginFailure';

const ExpiredPassword = lazy(() => import('./ExpiredPassword').then((m) => ({ default: m.ExpiredPassword })));

export default function Login({ problem }: { problem?: unknown }) {
  const { t, i18n } = useTranslation();
  const [failure, setFailure] = useState<unknown>(problem);
  const [expired, setExpired] = useState<Expired>();
  const form = useForm({ defaultValues: { user: '', password: '', domain: 'Default' } });
  useEffect(() => {
    document.title = `${t('login.button')} – wisp`;
  }, [t]);
  const submit = form.handleSubmit(async ({ user, password, domain }) => {
    setFailure(undefined);
    try {
      await login(user, password, domain);
    } catch (error) {
      const id = expiredUser(error);
      if (id) setExpired({ id, user, password, domain });
      else setFailure(error);
    }
  });
  const leave = () => {
    form.resetField('password');
    setExpired(undefined);
  };
  return (
    <main className="login">
      <Box margin={{ top: 'xxxl' }}>
        <Container
          header={<Header variant="h1">{t('login.title')}</Header>}
          footer={
            <SpaceBetween direction="horizontal" size="s">
              {Object.entries(languages).map(([id, name]) => (
                <Button
                  key={id}
                  variant="inline-link"
                  formAction="none"
                  disabled={i18n.language === id}
                  onClick={() => void setLanguage(id as Language)}
                >
                  {name}
                </Button>
              ))}
            </SpaceBetween>
          }
        >
          {expired ? (
            <Suspense>
              <ExpiredPassword of={expired} leave={leave} />
            </Suspense>
          ) : (
            <form
              onSubmit={(event) => {
                event.preventDefault();
                void submit();
              }}
            >
              <SpaceBetween size="m">
                {failure !== undefined && <LoginFailure error={failure} />}
                <TextField
                  control={form.control}
                  name="user"
                  label={t('login.user')}
                  autoComplete="username"
                  autoFocus
                />
                <TextField
                  control={form.control}
                  name="password"
                  label={t('login.password')}
                  type="password"
                  autoComplete="current-password"
                />
                <TextField control={form.control} name="domain" label={t('login.domain')} />
                <Button
                  variant="primary"
                  fullWidth
                  loading={form.formState.isSubmitting}
                  formAction="submit"
                  data-testid="login"
                >
                  {t('login.button')}
                </Button>
              </SpaceBetween>
            </form>
          )}
        </Container>
      </Box>
    </main>
  );
}
