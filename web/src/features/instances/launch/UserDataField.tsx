import Button from '@cloudscape-design/components/button';
import FileInput from '@cloudscape-design/components/file-input';
import FormField from '@cloudscape-design/components/form-field';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useTranslation } from 'react-i18next';
import { formatBytes } from '~/ui/format';
import { bytesOf, maxBytes, readUserData, type UserData } from './userData';

interface Props {
  value: UserData;
  onChange(value: UserData): void;
}

/** What the server does when it first starts: typed, or from a file. */
export function UserDataField({ value, onChange }: Props) {
  const { t } = useTranslation('instances');
  const bytes = bytesOf(value);
  const read = async (file: File | undefined) => {
    if (file) onChange(readUserData(file.name, new Uint8Array(await file.arrayBuffer())));
  };
  return (
    <FormField
      label={
        <>
          {t('launch.userData')} <i>– {t('common:optional')}</i>
        </>
      }
      description={t('launch.userDataText')}
      constraintText={t('launch.userDataSize', { bytes: formatBytes(bytes), max: formatBytes(maxBytes) })}
      errorText={bytes > maxBytes ? t('launch.problem.userData', { bytes, max: maxBytes }) : undefined}
      stretch
    >
      <SpaceBetween size="xs">
        {value.file ? (
          <SpaceBetween direction="horizontal" size="xs" alignItems="center">
            <span>{t('launch.userDataFile', { name: value.file.name, bytes: formatBytes(value.file.bytes) })}</span>
            <Button onClick={() => onChange({ text: '', file: null })}>{t('common:remove')}</Button>
          </SpaceBetween>
        ) : (
          <Textarea
            value={value.text}
            rows={8}
            spellcheck={false}
            placeholder={'#cloud-config'}
            ariaLabel={t('launch.userData')}
            onChange={({ detail }) => onChange({ text: detail.value, file: null })}
          />
        )}
        <FileInput
          value={[]}
          onChange={({ detail }) => void read(detail.value[0])}
          ariaLabel={t('launch.userDataRead')}
        >
          {t('launch.userDataRead')}
        </FileInput>
      </SpaceBetween>
    </FormField>
  );
}
