import Alert from '@cloudscape-design/components/alert';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Image } from '~/api/image';
import { FormModal } from '~/ui/FormModal';
import { FileField } from './FileField';
import { uploads } from './upload/uploads';
import { useGuess } from './upload/useGuess';

/** Sends data for an image that waits for it, or the rest of what an upload has begun. */
export function UploadDialog({ image, onClose }: { image: Image; onClose(): void }) {
  const { t } = useTranslation('images');
  const form = useForm({ mode: 'onChange', defaultValues: {} });
  const [file, setFile] = useState<File>();
  const [tried, setTried] = useState(false);
  const guess = useGuess(file);
  const missing = file ? (file.size === 0 ? t('file.empty') : undefined) : t('common:rules.required');
  return (
    <FormModal
      title={t('upload.title', { name: image.name || image.id })}
      submitLabel={t('upload.start')}
      form={form}
      onClose={onClose}
      onSubmit={async () => {
        setTried(true);
        if (!file || missing) throw new Error(missing);
        uploads.begin(image, file);
      }}
    >
      {image.status === 'saving' && <Alert type="info">{t('upload.goOnText')}</Alert>}
      <FileField
        file={file}
        onChange={setFile}
        error={tried ? missing : undefined}
        warning={
          guess && image.disk_format && guess.format !== image.disk_format
            ? t('file.other', { found: t(`format.${guess.format}`), wanted: t(`format.${image.disk_format}`) })
            : undefined
        }
      />
    </FormModal>
  );
}
