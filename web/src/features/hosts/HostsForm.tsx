import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Aggregate, useComputeServices } from '~/api/compute';
import { FormModal } from '~/ui/FormModal';
import { MultiField } from '~/ui/fields';
import { setHosts } from './mutations';

/** The hosts of an aggregate. */
export function HostsForm({ aggregate, onClose }: { aggregate: Aggregate; onClose(): void }) {
  const { t } = useTranslation('hosts');
  const services = useComputeServices();
  const form = useForm({ mode: 'onChange', defaultValues: { hosts: aggregate.hosts } });
  // A host that has left the cloud can still be taken out.
  const names = new Set([...aggregate.hosts, ...(services.data ?? []).map((s) => s.host)]);
  const options = [...names].sort().map((host) => ({
    value: host,
    description: services.data?.find((s) => s.host === host)?.zone,
  }));
  return (
    <FormModal
      title={t('aggregate.hostsTitle', { name: aggregate.name })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={({ hosts }) => setHosts(aggregate, hosts)}
    >
      <MultiField
        control={form.control}
        name="hosts"
        label={t('hosts')}
        description={aggregate.availability_zone ? t('aggregate.hostsText') : undefined}
        options={options}
      />
    </FormModal>
  );
}
