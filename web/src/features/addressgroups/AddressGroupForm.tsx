import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { AddressGroup } from '~/api/networkSharing';
import { create, update } from '~/api/networkWrite';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { maxLength } from '~/ui/rules';
import { linesOf } from '~/ui/subnetRules';
import { addressList } from './addresses';

/** The dialog for a new address group, or for a change of its name. */
export function AddressGroupForm({ before, onClose }: { before?: AddressGroup; onClose(): void }) {
  const { t } = useTranslation('addressgroups');
  const form = useForm({
    mode: 'onChange',
    defaultValues: { name: before?.name ?? '', description: before?.description ?? '', addresses: '' },
  });
  return (
    <FormModal
      title={before ? t('editTitle', { name: nameOf(before) }) : t('create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onSubmit={async ({ name, description, addresses }) => {
        const fields = { name: name.trim(), description };
        if (before) await update('address_group', before.id, fields);
        else await create('address_group', { ...fields, addresses: linesOf(addresses) });
      }}
      onClose={onClose}
    >
      <TextField control={form.control} name="name" label={t('common:name')} autoFocus rule={maxLength(255)} />
      {!before && (
        <TextField
          control={form.control}
          name="addresses"
          label={t('addresses')}
          description={t('addressesText')}
          rows={4}
          optional
          rule={addressList}
        />
      )}
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        optional
        rule={maxLength(255)}
      />
    </FormModal>
  );
}
