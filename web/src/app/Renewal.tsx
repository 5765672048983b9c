import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { ProjectGone, renew, renewBefore, session } from '~/api/session';
import { formatAge, parseTime } from '~/ui/format';
import { LoginFailure } from './LoginFailure';
import { useSession } from './useSession';

/**
 * Renewal asks for the password over the page that is open, when the session is about to end and when it has ended. Requests
 * that were refused go on afterwards, and what was typed stays. It is part of every page: the one field needs no form's library.
 */
export function Renewal() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { body, token } = useSession();
  useSyncExternalStore(session.subscribe, session.snapshot);
  const [due, setDue] = useState('');
  const [later, setLater] = useState('');
  const [failure, setFailure] = useState<unknown>();
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const running = useRef(false); // known before the next drawing: Enter comes twice within one
  useEffect(() => {
    const left = parseTime(body.expires_at).getTime() - Date.now() - renewBefore;
    // A timer takes 31 bits of milliseconds.
    const timer = setTimeout(() => setDue(token), Math.min(Math.max(left, 0), 2 ** 31 - 1));
    return () => clearTimeout(timer);
  }, [body.expires_at, token]);
  const ended = session.expired;
  if (!ended && (due !== token || later === token)) return null;
  const submit = async (into?: string) => {
    if (running.current || password === '') return;
    running.current = true;
    setFailure(undefined);
    setBusy(true);
    try {
      await renew(password, into);
      setPassword('');
      if (into) navigate('/');
    } catch (error) {
      setFailure(error);
    }
    running.current = false;
    setBusy(false);
  };
  const gone = failure instanceof ProjectGone;
  const other = gone ? failure.others[0] : undefined;
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
            {ended || gone ? (
              <Button variant="link" onClick={() => void session.logout()}>
                {t('login.otherUser')}
              </Button>
            ) : (
              <Button variant="link" onClick={() => setLater(token)}>
                {t('login.later')}
              </Button>
            )}
            {(!gone || other) && (
              <Button
                variant="primary"
                loading={busy}
                disabled={password === ''}
                onClick={() => void submit(other?.id)}
                data-testid="renew"
              >
                {other ? t('login.renewIn', { project: other.name }) : t('login.renew')}
              </Button>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <SpaceBetween size="m">
          <p>{ended ? t('login.endedText') : t('login.endsSoonText', { when: formatAge(body.expires_at) })}</p>
          {failure !== undefined && <LoginFailure error={failure} />}
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
