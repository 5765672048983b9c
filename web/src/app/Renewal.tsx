import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { ApiError } from '~/api/error';
import { renew, renewBefore, session } from '~/api/session';
import { formatAge, parseTime } from '~/ui/format';
import { LoginFailure } from './LoginFailure';
import { useSession } from './useSession';

/**
 * Renewal asks for the password over the page that is open, when the session is about to end and when it has ended. Requests
 * that were refused go on afterwards, and what was typed stays. It is part of every page: the one field needs no form's library.
 */
export function Renewal() {
  const { t } = useTranslation();
  const { body, token } = useSession();
  useSyncExternalStore(session.subscribe, session.snapshot);
  const [due, setDue] = useState('');
  const [later, setLater] = useState('');
  const [failure, setFailure] = useState<unknown>();
  const navigate = useNavigate();
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const left = parseTime(body.expires_at).getTime() - Date.now() - renewBefore;
    // A timer takes 31 bits of milliseconds.
    const timer = setTimeout(() => setDue(token), Math.min(Math.max(left, 0), 2 ** 31 - 1));
    return () => clearTimeout(timer);
  }, [body.expires_at, token]);
  const ended = session.expired;
  if (!ended && (due !== token || later === token)) return null;
  const submit = async (elsewhere = false) => {
    setFailure(undefined);
    setBusy(true);
    try {
      await renew(password, elsewhere);
      setPassword('');
      if (elsewhere) navigate('/');
    } catch (error) {
      setFailure(error);
    }
    setBusy(false);
  };
  return (
    <Modal
      visible
      header={ended ? t('login.ended') : t('login.endsSoon')}
      closeAriaLabel={t('login.later')}
      onDismiss={() => {
        if (!ended) setLater(token);
      }}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            {ended ? (
              <Button variant="link" onClick={() => void session.logout()}>
                {t('login.otherUser')}
              </Button>
            ) : (
              <Button variant="link" onClick={() => setLater(token)}>
                {t('login.later')}
              </Button>
            )}
            <Button
              variant="primary"
              loading={busy}
              disabled={password === ''}
              onClick={() => void submit()}
              data-testid="renew"
            >
              {t('login.renew')}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (password && !busy) void submit();
        }}
      >
        <SpaceBetween size="m">
          <p>{ended ? t('login.endedText') : t('login.endsSoonText', { when: formatAge(body.expires_at) })}</p>
          {failure !== undefined && <LoginFailure error={failure} />}
          {failure instanceof ApiError && failure.message === 'project-gone' && (
            <Button loading={busy} onClick={() => void submit(true)} data-testid="elsewhere">
              {t('login.otherProject')}
            </Button>
          )}
          <FormField label={`${t('login.password')} (${body.user.name})`}>
            <Input
              value={password}
              onChange={({ detail }) => setPassword(detail.value)}
              type="password"
              autoComplete="current-password"
              autoFocus
            />
          </FormField>
        </SpaceBetween>
        <button type="submit" hidden aria-hidden tabIndex={-1} />
      </form>
    </Modal>
  );
}
