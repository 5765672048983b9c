import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { AddressScope } from '~/api/networkSharing';
import { create, update } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { CheckField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { maxLength } from '~/ui/rules';

/** The dialog for a new address scope, or for a change of one. */
export function ScopeForm({ before, onClose }: { before?: AddressScope; onClose(): void }) {
  const { t } = useTranslation('subnetpools');
  const { isAdmin } = useSession();
  const form = useForm({
    mode: 'onChange',
    defaultValues: { name: before?.name ?? '', version: '4', shared: before?.shared ?? false },
  });
  return (
    <FormModal
      title={before ? t('scopes.editTitle', { name: nameOf(before) }) : t('scopes.create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onSubmit={async ({ name, version, shared }) => {
        const fields = { name: name.trim(), ...(isAdmin && shared !== (before?.shared ?? false) && { shared }) };
        if (before) await update('address_scope', before.id, fields);
        else await create('address_scope', { ...fields, ip_version: Number(version) });
      }}
      onClose={onClose}
    >
      <TextField control={form.control} name="name" label={t('common:name')} autoFocus rule={maxLength(255)} />
      {!before && (
        <SelectField
          control={form.control}
          name="version"
          label={t('version')}
          options={[
            { value: '4', label: 'IPv4' },
            { value: '6', label: 'IPv6' },
          ]}
        />
      )}
      {isAdmin && (
        <CheckField
          control={form.control}
          name="shared"
          label={t('shared')}
          description={t('scopes.sharedText')}
          disabled={before?.shared}
        />
      )}
    </FormModal>
  );
}
