import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Role, useDomains } from '~/api/identity';
import { FormModal } from '~/ui/FormModal';
import { SelectField, TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';
import { createRole, updateRole } from './mutations';

interface Props {
  before?: Role;
  /** The domain that a new role is for at first; none is the whole cloud. */
  domain?: string;
  onClose(): void;
}

export function RoleForm({ before, domain = '', onClose }: Props) {
  const { t } = useTranslation('identity');
  const domains = useDomains();
  const form = useForm({
    mode: 'onChange',
    defaultValues: { name: before?.name ?? '', description: before?.description ?? '', domain },
  });
  return (
    <FormModal
      title={before ? t('role.editTitle', { name: before.name }) : t('role.create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async (values) => {
        const fields = { name: values.name.trim(), description: values.description };
        if (before) await updateRole(before.id, fields);
        else await createRole({ ...fields, ...(values.domain && { domain_id: values.domain }) });
      }}
    >
      <TextField
        control={form.control}
        name="name"
        label={t('common:name')}
        description={before ? undefined : t('role.nameText')}
        rule={maxLength(255)}
        autoFocus
      />
      <TextField control={form.control} name="description" label={t('common:description')} optional />
      {!before && (
        <SelectField
          control={form.control}
          name="domain"
          label={t('common:domain')}
          description={t('role.domainText')}
          options={(domains.data ?? []).map((d) => ({ value: d.id, label: d.name }))}
          optional
        />
      )}
    </FormModal>
  );
}
