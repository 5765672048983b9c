import { useTranslation } from 'react-i18next';
import { type Image, useImageTasks } from '~/api/image';
import { Status } from '~/ui/Status';
import { percentOf } from './upload/percent';
import { useUpload } from './upload/useUploads';

/** An image's status, with how far its data is when that is known here: an upload of this page, or an import. */
export function ImageStatus({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const upload = useUpload(image.id);
  if (image.status === 'importing') return <Importing image={image} />;
  if (upload && image.status !== 'active' && upload.uploader.progress.phase !== 'done') {
    const { phase } = upload.uploader.progress;
    const percent = `${percentOf(upload.uploader.progress)} %`;
    return (
      <Status
        value={phase === 'failed' ? 'ERROR' : image.status}
        note={phase === 'running' ? percent : `${percent}, ${t(`upload.phase.${phase}`)}`}
      />
    );
  }
  return <Status value={image.status} note={image.os_glance_failed_import ? t('importFailed') : undefined} />;
}

function Importing({ image }: { image: Image }) {
  const task = useImageTasks(image.id, true).data?.[0];
  return <Status value={image.status} note={task?.message || undefined} />;
}
