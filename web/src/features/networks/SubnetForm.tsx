import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Network, type Subnet, useSubnets } from '~/api/network';
import { create, update } from '~/api/networkWrite';
import { FormModal } from '~/ui/FormModal';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { SubnetFields } from './SubnetFields';
import { createFields, newSubnet, type SubnetPart, updateFields, valuesOf } from './subnetForm';

/** The dialog for a new subnet of a network, or for a change of one. */
export function SubnetForm({ network, before, onClose }: { network: Network; before?: Subnet; onClose(): void }) {
  const { t } = useTranslation('networks');
  const subnets = useSubnets().data ?? [];
  const form = useForm<SubnetPart>({
    mode: 'onChange',
    defaultValues: { subnet: before ? valuesOf(before) : newSubnet },
  });
  const submit = async ({ subnet }: SubnetPart) => {
    if (before) await update('subnet', before.id, updateFields(subnet, before));
    else await create<Subnet>('subnet', createFields(subnet, network.id));
    notify.success(t(before ? 'subnet.changed' : 'subnet.created', { name: subnet.name || subnet.cidr }));
  };
  return (
    <FormModal
      title={before ? t('subnet.editTitle', { name: nameOf(before) }) : t('subnet.addTitle', { name: nameOf(network) })}
      submitLabel={before ? t('common:save') : t('subnet.add')}
      form={form}
      onSubmit={submit}
      onClose={onClose}
      size="large"
    >
      <SubnetFields
        form={form}
        before={before}
        same={subnets.filter((s) => s.network_id === network.id && s.id !== before?.id)}
        others={subnets.filter((s) => s.network_id !== network.id && s.project_id === network.project_id)}
      />
    </FormModal>
  );
}
