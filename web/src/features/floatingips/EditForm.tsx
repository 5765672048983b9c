import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { FloatingIP } from '~/api/network';
import { update } from '~/api/networkWrite';
import { PolicyField } from '~/features/qos/PolicyField';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';
import { editFields } from './mutations';

export function EditForm({ floatingIP, onClose }: { floatingIP: FloatingIP; onClose(): void }) {
  const { t } = useTranslation('floatingips');
  const form = useForm({
    mode: 'onChange',
    defaultValues: { description: floatingIP.description, qos: floatingIP.qos_policy_id ?? '' },
  });
  return (
    <FormModal
      title={t('editTitle', { address: floatingIP.floating_ip_address })}
      submitLabel={t('common:save')}
      form={form}
      onSubmit={(values) => update('floatingip', floatingIP.id, editFields(floatingIP, values))}
      onClose={onClose}
    >
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        optional
        autoFocus
        rule={maxLength(255)}
      />
      <PolicyField control={form.control} name="qos" extension="qos-fip" />
    </FormModal>
  );
}
