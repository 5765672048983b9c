import Alert from '@cloudscape-design/components/alert';
import { useTranslation } from 'react-i18next';
import { ApiError, messageOf } from '~/api/error';
import { expiredUser } from '~/api/session';

export function LoginFailure({ error }: { error: unknown }) {
  const { t } = useTranslation();
  let words = messageOf(error);
  if (error instanceof ApiError) {
    if (error.unreachable) words = t('login.unreachable');
    else if (expiredUser(error)) words = t('login.expired');
    else if (error.status === 401) words = t('login.wrong');
    else if (error.message === 'no-project') words = t('login.noProject');
    else if (error.message === 'project-gone') words = t('login.projectGone');
  }
  return (
    <Alert type="error" data-testid="login-failure">
      {words}
    </Alert>
  );
}
