import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { createPolicy, type QoSPolicy, updatePolicy } from '~/api/qos';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { CheckField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { maxLength } from '~/ui/rules';

/** The dialog for a new QoS policy, or for a change of one. */
export function PolicyForm({ before, onClose }: { before?: QoSPolicy; onClose(): void }) {
  const { t } = useTranslation('qos');
  const { isAdmin } = useSession();
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: before?.name ?? '',
      description: before?.description ?? '',
      shared: before?.shared ?? false,
      isDefault: before?.is_default ?? false,
    },
  });
  return (
    <FormModal
      title={before ? t('editTitle', { name: nameOf(before) }) : t('create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onSubmit={async ({ name, description, shared, isDefault }) => {
        const fields = { name: name.trim(), description, ...(isAdmin && { shared, is_default: isDefault }) };
        if (before) await updatePolicy(before.id, fields);
        else await createPolicy(fields);
      }}
      onClose={onClose}
    >
      <TextField control={form.control} name="name" label={t('common:name')} autoFocus rule={maxLength(255)} />
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        optional
        rule={maxLength(255)}
      />
      {isAdmin && (
        <>
          <CheckField control={form.control} name="shared" label={t('forAll')} description={t('forAllText')} />
          <CheckField control={form.control} name="isDefault" label={t('isDefault')} description={t('isDefaultText')} />
        </>
      )}
    </FormModal>
  );
}
