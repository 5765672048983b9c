import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Group, useDomains } from '~/api/identity';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { SelectField, TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';
import { createGroup, updateGroup } from './mutations';

export function GroupForm({ before, onClose }: { before?: Group; onClose(): void }) {
  const { t } = useTranslation('identity');
  const { body } = useSession();
  const domains = useDomains();
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: before?.name ?? '',
      description: before?.description ?? '',
      domain: before?.domain_id ?? body.user.domain.id,
    },
  });
  return (
    <FormModal
      title={before ? t('group.editTitle', { name: before.name }) : t('group.create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ name, description, domain }) => {
        const fields = { name: name.trim(), description };
        if (before) await updateGroup(before.id, fields);
        else await createGroup({ ...fields, domain_id: domain });
      }}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={maxLength(255)} autoFocus />
      <TextField control={form.control} name="description" label={t('common:description')} optional />
      {!before && (
        <SelectField
          control={form.control}
          name="domain"
          label={t('common:domain')}
          options={(domains.data ?? []).map((d) => ({ value: d.id, label: d.name }))}
        />
      )}
    </FormModal>
  );
}
