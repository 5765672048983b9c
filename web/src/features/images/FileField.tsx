import FileDropzone from '@cloudscape-design/components/file-dropzone';
import FileInput from '@cloudscape-design/components/file-input';
import FileTokenGroup from '@cloudscape-design/components/file-token-group';
import FormField from '@cloudscape-design/components/form-field';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { formatBytes } from '~/ui/format';

interface Props {
  file: File | undefined;
  error?: string;
  warning?: string;
  onChange(file: File | undefined): void;
}

/** A file of the user's machine, chosen or dropped here. */
export function FileField({ file, error, warning, onChange }: Props) {
  const { t } = useTranslation('images');
  return (
    <FormField label={t('file.label')} description={t('file.text')} errorText={error} warningText={warning} stretch>
      <SpaceBetween size="xs">
        <FileDropzone onChange={({ detail }) => onChange(detail.value[0])}>
          <SpaceBetween size="xs" alignItems="center">
            <span>{t('file.drop')}</span>
            <FileInput
              value={file ? [file] : []}
              onChange={({ detail }) => onChange(detail.value[0])}
              ariaRequired
              data-testid="file"
            >
              {t('file.choose')}
            </FileInput>
          </SpaceBetween>
        </FileDropzone>
        {file && (
          <FileTokenGroup
            items={[{ file }]}
            onDismiss={() => onChange(undefined)}
            showFileSize
            i18nStrings={{
              removeFileAriaLabel: () => t('common:removeItem', { name: file.name }),
              limitShowFewer: '',
              limitShowMore: '',
              errorIconAriaLabel: t('common:error'),
              warningIconAriaLabel: t('common:warning'),
              formatFileSize: formatBytes,
            }}
          />
        )}
      </SpaceBetween>
    </FormField>
  );
}
