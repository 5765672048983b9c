import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { confirm } from '~/ui/confirm';
import { formatBytes } from '~/ui/format';
import { Go } from '~/ui/Go';
import { notify } from '~/ui/notify';
import { type Upload, uploads } from './uploads';

/** The uploads of this browser, while they run and until somebody has seen how they ended. */
export function UploadPanel() {
  const { t } = useTranslation('images');
  const list = useSyncExternalStore(uploads.subscribe, uploads.snapshot);
  if (list.length === 0) return null;
  return (
    <Container header={<Header variant="h2">{t('uploads')}</Header>} data-testid="uploads">
      <SpaceBetween size="l">
        {list.map((upload) => (
          <One key={upload.id} upload={upload} />
        ))}
      </SpaceBetween>
    </Container>
  );
}

function One({ upload: u }: { upload: Upload }) {
  const { t } = useTranslation('images');
  if (u.state === 'done') return <Done upload={u} />;
  if (u.state === 'failed') {
    return (
      <Alert
        type="error"
        header={t('uploadFailed', { name: u.name })}
        dismissible
        dismissAriaLabel={t('common:dismiss')}
        onDismiss={() => uploads.forget(u.id)}
      >
        {u.reason}
      </Alert>
    );
  }
  const cancel = async () => {
    const yes = await confirm({
      title: t('cancelTitle', { name: u.name }),
      body: t('cancelText'),
      confirmLabel: t('cancelUpload'),
      danger: true,
    });
    if (yes) await uploads.cancel(u.id).catch((error) => notify.error(t('common:failed'), error));
  };
  const rest = u.state === 'paused' || u.state === 'waiting';
  return (
    <SpaceBetween size="xs">
      <ProgressBar
        value={u.size > 0 ? (100 * u.held) / u.size : 0}
        label={u.name}
        description={t('progress', { held: formatBytes(u.held), size: formatBytes(u.size) })}
        additionalInfo={
          <span data-testid="upload-state">
            {u.state === 'running' ? t('speed', { speed: formatBytes(u.speed) }) : t(`state.${u.state}`)}
            {u.reason && ` ${u.reason}`}
          </span>
        }
      />
      <SpaceBetween direction="horizontal" size="xs">
        {rest ? (
          <Button iconName="caret-right-filled" onClick={() => uploads.resume(u.id)} data-testid="resume">
            {t('resume')}
          </Button>
        ) : (
          <Button disabled={u.state !== 'running'} onClick={() => uploads.pause(u.id)} data-testid="pause">
            {t('pause')}
          </Button>
        )}
        <Button onClick={() => void cancel()} data-testid="cancel-upload">
          {t('cancelUpload')}
        </Button>
      </SpaceBetween>
    </SpaceBetween>
  );
}

function Done({ upload: u }: { upload: Upload }) {
  const { t } = useTranslation('images');
  const said = u.same === undefined ? 'unchecked' : u.same ? 'same' : 'differs';
  return (
    <Alert
      type={u.same === false ? 'error' : 'success'}
      header={<Go to={`/images/${u.id}`}>{t('uploadDone', { name: u.name })}</Go>}
      dismissible
      dismissAriaLabel={t('common:dismiss')}
      onDismiss={() => uploads.forget(u.id)}
      data-testid="upload-done"
    >
      {t(`checksum.${said}`)}
      <Box variant="code" display="block" fontSize="body-s">
        SHA-512 {u.sha512}
      </Box>
    </Alert>
  );
}
