import Alert from '@cloudscape-design/components/alert';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Server, useComputeServices } from '~/api/compute';
import { FormModal } from '~/ui/FormModal';
import { SelectField } from '~/ui/fields';
import { evacuateServer } from '../mutations';

/** Builds a server again on another host, as its own is lost; for administrators. */
export function EvacuateForm({ server, onClose }: { server: Server; onClose(): void }) {
  const { t } = useTranslation('instances');
  const services = useComputeServices();
  const form = useForm({ mode: 'onChange', defaultValues: { host: '' } });
  const host = server['OS-EXT-SRV-ATTR:host'] ?? '';
  const hosts = (services.data ?? []).filter((s) => s.binary === 'nova-compute' && s.host !== host);
  return (
    <FormModal
      title={t('evacuate.title', { name: server.name })}
      submitLabel={t('evacuate.action')}
      form={form}
      onClose={onClose}
      onSubmit={(v) => evacuateServer(server.id, v.host)}
    >
      <Alert type="warning">{t('evacuate.text', { host })}</Alert>
      <SelectField
        control={form.control}
        name="host"
        label={t('evacuate.host')}
        optional
        noneLabel={t('evacuate.anyHost')}
        status={services.isPending ? 'loading' : 'finished'}
        options={hosts.map((s) => ({
          value: s.host,
          description: s.state === 'up' ? s.zone : t('common:status.DOWN'),
          disabled: s.state !== 'up',
        }))}
      />
    </FormModal>
  );
}
