import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { SecurityGroup } from '~/api/network';
import { create, update } from '~/api/networkWrite';
import { FormModal } from '~/ui/FormModal';
import { CheckField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { all, maxLength, type Rule } from '~/ui/rules';

interface Props {
  before?: SecurityGroup;
  onClose(): void;
  onCreated?(group: SecurityGroup): void;
}

/** The dialog for a new security group, or for a change of one. */
export function GroupForm({ before, onClose, onCreated }: Props) {
  const { t } = useTranslation('securitygroups');
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: before?.name ?? '',
      description: before?.description ?? '',
      stateful: before?.stateful ?? true,
    },
  });
  const standard = before?.name === 'default';
  const notDefault: Rule = (value) =>
    !standard && value.trim().toLowerCase() === 'default' ? t('nameDefault') : undefined;
  return (
    <FormModal
      title={before ? t('editTitle', { name: nameOf(before) }) : t('createTitle')}
      submitLabel={before ? t('common:save') : t('create')}
      form={form}
      onSubmit={async (values) => {
        const fields = { name: values.name.trim(), description: values.description, stateful: values.stateful };
        if (before) await update('security_group', before.id, fields);
        else {
          const made = await create<SecurityGroup>('security_group', fields);
          onCreated?.(made);
        }
        notify.success(t(before ? 'changed' : 'created', { name: fields.name }));
      }}
      onClose={onClose}
    >
      <TextField
        control={form.control}
        name="name"
        label={t('common:name')}
        autoFocus={!standard}
        disabled={standard}
        hint={standard ? t('defaultName') : undefined}
        rule={all(maxLength(255), notDefault)}
      />
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        optional
        rule={maxLength(255)}
      />
      <CheckField
        control={form.control}
        name="stateful"
        label={t('stateful')}
        description={before ? t('statefulStays') : t('statefulHint')}
      />
    </FormModal>
  );
}
