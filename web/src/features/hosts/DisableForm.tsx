import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';
import { updateService } from './mutations';
import type { Host } from './useHostActions';

export function DisableForm({ host, onClose }: { host: Host; onClose(): void }) {
  const { t } = useTranslation('hosts');
  const form = useForm({ mode: 'onChange', defaultValues: { reason: '' } });
  return (
    <FormModal
      title={t('disableTitle', { name: host.name })}
      submitLabel={t('disable')}
      form={form}
      onClose={onClose}
      onSubmit={({ reason }) =>
        updateService(host.service.id, { status: 'disabled', ...(reason.trim() && { disabled_reason: reason.trim() }) })
      }
    >
      <div>{t('disableText')}</div>
      <TextField
        control={form.control}
        name="reason"
        label={t('reason')}
        description={t('reasonText')}
        rule={maxLength(255)}
        optional
        autoFocus
      />
    </FormModal>
  );
}
