import Alert from '@cloudscape-design/components/alert';
import FileUpload from '@cloudscape-design/components/file-upload';
import FormField from '@cloudscape-design/components/form-field';
import { useEffect, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { FormModal } from '~/ui/FormModal';
import { formatBytes } from '~/ui/format';
import { ImageFields, noImage } from '../ImageFields';
import { createImage, type NewImage } from '../mutations';
import { type DiskFormat, fits, sniff, sniffed } from './sniff';
import { uploads } from './uploads';

/** The dialog for an image out of a file. The data go on being sent after it is closed. */
export function UploadForm({ onClose }: { onClose(): void }) {
  const { t } = useTranslation('images');
  const form = useForm<NewImage>({ mode: 'onChange', defaultValues: noImage });
  const [file, setFile] = useState<File>();
  const [found, setFound] = useState<DiskFormat>();
  const [missing, setMissing] = useState(false);
  const declared = form.watch('format');
  useEffect(() => {
    setFound(undefined);
    if (!file) return;
    let current = true;
    void file
      .slice(0, sniffed)
      .arrayBuffer()
      .then((bytes) => {
        if (!current) return;
        const format = sniff(new Uint8Array(bytes));
        setFound(format);
        form.setValue('format', format, { shouldValidate: true });
        if (!form.getValues('name')) form.setValue('name', file.name.replace(/\.\w+$/, ''), { shouldValidate: true });
      });
    return () => {
      current = false;
    };
  }, [file, form]);
  const lie = found !== undefined && !fits(declared, found);
  const submit = async (v: NewImage) => {
    setMissing(!file);
    if (!file) throw new Error(t('fileMissing'));
    if (lie) throw new Error(t('formatDiffers', { found, declared }));
    const image = await createImage(v);
    void uploads.start({ id: image.id, name: v.name.trim() }, file);
  };
  return (
    <FormModal title={t('uploadTitle')} submitLabel={t('upload')} form={form} onSubmit={submit} onClose={onClose}>
      <FormField
        label={t('file')}
        errorText={missing && !file ? t('fileMissing') : undefined}
        description={t('fileText')}
      >
        <FileUpload
          value={file ? [file] : []}
          onChange={({ detail }) => setFile(detail.value[0])}
          showFileSize
          i18nStrings={{
            uploadButtonText: () => t('chooseFile'),
            dropzoneText: () => t('dropFile'),
            removeFileAriaLabel: () => t('removeFile'),
            limitShowFewer: t('fewer'),
            limitShowMore: t('morefiles'),
            errorIconAriaLabel: t('common:error'),
          }}
        />
      </FormField>
      {lie && <Alert type="error">{t('formatDiffers', { found, declared })}</Alert>}
      <ImageFields
        form={form}
        formatHint={found && file ? t('formatFound', { found, size: formatBytes(file.size) }) : undefined}
      />
    </FormModal>
  );
}
