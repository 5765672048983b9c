import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import type { Image } from '~/api/image';
import { Status } from '~/ui/Status';
import { uploads } from './upload/uploads';

/** An image's status: how far an upload of this browser is, and that an import failed, are part of it. */
export function ImageStatus({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const upload = useSyncExternalStore(uploads.subscribe, uploads.snapshot).find((u) => u.id === image.id);
  if (upload && upload.state !== 'done' && upload.state !== 'failed') {
    const percent = upload.size > 0 ? Math.floor((100 * upload.held) / upload.size) : 0;
    return <Status value={image.status} note={`${percent} %`} />;
  }
  if (image.status === 'queued' && image.os_glance_failed_import) {
    return <StatusIndicator type="error">{t('importFailed')}</StatusIndicator>;
  }
  return <Status value={image.status} />;
}
