import FileInput from '@cloudscape-design/components/file-input';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { KeyPair } from '~/api/compute';
import { FormModal } from '~/ui/FormModal';
import { RadioField, TextField } from '~/ui/fields';
import { importKey } from './mutations';
import { commentOf, importedName, publicKeyRule } from './publicKey';

interface Values {
  name: string;
  type: KeyPair['type'];
  publicKey: string;
}

/** Brings a public key that is there already. */
export function ImportForm({ onClose, onMade }: { onClose(): void; onMade?(name: string): void }) {
  const { t } = useTranslation('keypairs');
  const form = useForm<Values>({ mode: 'onChange', defaultValues: { name: '', type: 'ssh', publicKey: '' } });
  const type = form.watch('type');
  const read = async (file: File | undefined) => {
    if (!file) return;
    const text = (await file.text()).trim();
    form.setValue('publicKey', text, { shouldDirty: true, shouldValidate: true });
    const proposal = commentOf(text) || file.name.replace(/\.(pub|pem|crt)$/, '');
    if (!form.getValues('name') && importedName(proposal) === undefined && publicKeyRule(type)(text) === undefined)
      form.setValue('name', proposal, { shouldDirty: true, shouldValidate: true });
  };
  return (
    <FormModal
      title={t('import')}
      submitLabel={t('importSubmit')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={async (values) => {
        await importKey(values.name, values.type, values.publicKey);
        onMade?.(values.name.trim());
      }}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={importedName} autoFocus />
      <RadioField
        control={form.control}
        name="type"
        label={t('type')}
        options={[
          { value: 'ssh', label: t('ssh'), description: t('sshText') },
          { value: 'x509', label: t('x509'), description: t('x509Text') },
        ]}
      />
      <TextField
        key={type}
        control={form.control}
        name="publicKey"
        label={t('publicKey')}
        description={t(type === 'ssh' ? 'publicKeyText' : 'certificateText')}
        rule={publicKeyRule(type)}
        rows={6}
      />
      <FileInput value={[]} onChange={({ detail }) => void read(detail.value[0])} ariaLabel={t('fromFile')}>
        {t('fromFile')}
      </FileInput>
    </FormModal>
  );
}
