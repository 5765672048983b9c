import Button from '@cloudscape-design/components/button';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { confirm } from '~/ui/confirm';
import { formatBytes, formatSeconds } from '~/ui/format';
import { Go } from '~/ui/Go';
import { notify } from '~/ui/notify';
import { deleteImage } from '../mutations';
import { percentOf } from './percent';
import { useUpload } from './useUploads';

/** How far an upload is, and what can be done with it. In a message its colours are the message's. */
export function UploadPanel({ image, variant = 'flash' }: { image: string; variant?: 'flash' | 'standalone' }) {
  const { t } = useTranslation('images');
  const upload = useUpload(image);
  if (!upload) return null;
  const { uploader, name } = upload;
  const { phase, sent, total, speed, problem, verified } = uploader.progress;
  const left = speed > 0 ? (total - sent) / speed : undefined;
  const cancel = async () => {
    const sure = await confirm({
      title: t('upload.cancelTitle', { name }),
      body: t('upload.cancelText'),
      confirmLabel: t('upload.cancel'),
      danger: true,
    });
    if (!sure) return;
    try {
      await deleteImage(image);
    } catch (error) {
      notify.error(t('upload.cancelFailed', { name }), error);
    }
  };
  if (phase === 'done') {
    return (
      <span data-testid="upload-result">
        {t(verified === undefined ? 'upload.unverified' : verified ? 'upload.verified' : 'upload.different')}{' '}
        <Go to={`/images/${image}`} color={variant === 'flash' ? 'inverted' : 'normal'}>
          {name}
        </Go>
      </span>
    );
  }
  const amount = t('upload.amount', { sent: formatBytes(sent), total: formatBytes(total) });
  const pace =
    phase === 'running' && speed > 0
      ? t('upload.pace', { speed: formatBytes(speed), left: formatSeconds(Math.ceil(left ?? 0)) })
      : '';
  return (
    <SpaceBetween size="xs">
      <ProgressBar
        variant={variant}
        value={percentOf(uploader.progress)}
        label={t(`upload.phase.${phase}`)}
        description={upload.fileName}
        additionalInfo={[amount, pace].filter(Boolean).join(' · ')}
      />
      {problem && <span data-testid="upload-problem">{problem}</span>}
      <SpaceBetween direction="horizontal" size="xs">
        {(phase === 'running' || phase === 'waiting') && (
          <Button onClick={() => uploader.pause()} iconName="pause" data-testid="upload-pause">
            {t('upload.pause')}
          </Button>
        )}
        {(phase === 'paused' || phase === 'failed') && (
          <Button onClick={() => void uploader.start()} iconName="play" data-testid="upload-resume">
            {t(phase === 'failed' ? 'common:retry' : 'upload.resume')}
          </Button>
        )}
        {phase !== 'checking' && (
          <Button onClick={() => void cancel()} data-testid="upload-cancel">
            {t('upload.cancel')}
          </Button>
        )}
      </SpaceBetween>
    </SpaceBetween>
  );
}
