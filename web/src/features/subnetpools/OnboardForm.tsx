import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useNetworks, useSubnets } from '~/api/network';
import type { SubnetPool } from '~/api/networkSharing';
import { member } from '~/api/networkWrite';
import { FormModal } from '~/ui/FormModal';
import { SelectField } from '~/ui/fields';
import { nameOf } from '~/ui/format';

/** The dialog that makes the subnets of a network those of a pool, whose ranges grow by theirs. */
export function OnboardForm({ pool, onClose }: { pool: SubnetPool; onClose(): void }) {
  const { t } = useTranslation('subnetpools');
  const networks = useNetworks(pool.project_id, true).data ?? [];
  const subnets = (useSubnets().data ?? []).filter((s) => s.ip_version === pool.ip_version && !s.subnetpool_id);
  const form = useForm({ mode: 'onChange', defaultValues: { network: '' } });
  const options = networks
    .map((n) => ({ network: n, ranges: subnets.filter((s) => s.network_id === n.id).map((s) => s.cidr) }))
    .filter(({ ranges }) => ranges.length > 0)
    .map(({ network: n, ranges }) => ({ value: n.id, label: nameOf(n), description: ranges.join(', ') }));
  return (
    <FormModal
      title={t('onboardTitle', { name: nameOf(pool) })}
      submitLabel={t('onboardSubmit')}
      form={form}
      onClose={onClose}
      onSubmit={({ network }) => member('subnetpool', pool.id, 'onboard_network_subnets', { network_id: network })}
    >
      <SelectField
        control={form.control}
        name="network"
        label={t('network')}
        description={t('onboardText')}
        options={options}
      />
    </FormModal>
  );
}
