import FileInput from '@cloudscape-design/components/file-input';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { documentRule, readDocument } from './document';
import { createNamespace } from './mutations';

/** Makes a namespace of a file of JSON, with all that is in it. */
export function ImportForm({ onClose }: { onClose(): void }) {
  const { t } = useTranslation('metadefs');
  const form = useForm({ mode: 'onChange', defaultValues: { text: '' } });
  const read = async (file: File | undefined) => {
    if (file) form.setValue('text', await file.text(), { shouldValidate: true });
  };
  return (
    <FormModal
      title={t('import.title')}
      submitLabel={t('import.submit')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={async ({ text }) => {
        await createNamespace(readDocument(text) ?? {});
      }}
    >
      <TextField
        control={form.control}
        name="text"
        label={t('import.text')}
        description={t('import.hint')}
        rule={documentRule}
        rows={14}
      />
      <FileInput value={[]} onChange={({ detail }) => void read(detail.value[0])} ariaLabel={t('import.file')}>
        {t('import.file')}
      </FileInput>
    </FormModal>
  );
}
