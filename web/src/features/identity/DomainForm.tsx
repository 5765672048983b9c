import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Domain } from '~/api/identity';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';
import { createDomain, updateDomain } from './mutations';

export function DomainForm({ before, onClose }: { before?: Domain; onClose(): void }) {
  const { t } = useTranslation('identity');
  const form = useForm({
    mode: 'onChange',
    defaultValues: { name: before?.name ?? '', description: before?.description ?? '' },
  });
  return (
    <FormModal
      title={before ? t('domain.editTitle', { name: before.name }) : t('domain.create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ name, description }) => {
        const fields = { name: name.trim(), description };
        await (before ? updateDomain(before.id, fields) : createDomain(fields));
      }}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={maxLength(64)} autoFocus />
      <TextField control={form.control} name="description" label={t('common:description')} optional />
    </FormModal>
  );
}
