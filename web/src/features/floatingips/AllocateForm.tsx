import { useEffect } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useNetworkQuotas, useNetworks, useSubnets } from '~/api/network';
import { useSession } from '~/app/useSession';
import { PolicyField } from '~/features/qos/PolicyField';
import { FormModal } from '~/ui/FormModal';
import { SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { QuotaUse } from '~/ui/QuotaUse';
import { addressOf, all, dnsDomain, dnsLabel, maxLength, type Rule, say } from '~/ui/rules';
import { contains } from '~/ui/subnetRules';
import { useRecheck } from '~/ui/useRecheck';
import { allocate } from './mutations';
import { useTargets } from './useTargets';

interface Values {
  network: string;
  address: string;
  description: string;
  place: string;
  dnsName: string;
  dnsDomain: string;
  qos: string;
}

/** The dialog that takes a floating IP, and points it somewhere at once if wanted. */
export function AllocateForm({ onClose }: { onClose(): void }) {
  const { t } = useTranslation('floatingips');
  const { projectId, isAdmin, body } = useSession();
  const choosesAddress = isAdmin || body.roles?.some((role) => role.name === 'manager');
  const networks = useNetworks(projectId);
  const subnets = useSubnets().data ?? [];
  const quotas = useNetworkQuotas(projectId);
  const targets = useTargets();
  const external = (networks.data ?? []).filter((n) => n['router:external']);
  const standard = external.find((n) => n.is_default) ?? (external.length === 1 ? external[0] : undefined);
  const form = useForm<Values>({
    mode: 'onChange',
    defaultValues: {
      network: standard?.id ?? '',
      address: '',
      description: '',
      place: '',
      dnsName: '',
      dnsDomain: '',
      qos: '',
    },
  });
  const [network, place] = form.watch(['network', 'place']);
  const ranges = subnets.filter((s) => s.network_id === network && s.ip_version === 4).map((s) => s.cidr);
  const within: Rule = (value) =>
    ranges.length === 0 || ranges.some((range) => contains(range, value))
      ? undefined
      : say('inside', { range: ranges.join(', ') });
  const places = targets.from(network).map((target) => ({
    value: `${target.port.id} ${target.address}`,
    label: targets.nameOf(target),
    description: target.address,
  }));
  const left = place !== '' && !places.some((p) => p.value === place);
  useEffect(() => {
    // A place that the network does not reach is not shown, and must not be sent.
    if (left) form.setValue('place', '');
  }, [left, form]);
  useRecheck(form, ['address'], [network]);
  return (
    <FormModal
      title={t('allocateTitle')}
      submitLabel={t('allocate')}
      form={form}
      onSubmit={async (v) => {
        const [port = '', fixed = ''] = v.place.split(' ');
        const made = await allocate({
          network: v.network,
          address: v.address.trim(),
          description: v.description,
          dns: { name: v.dnsName.trim(), domain: v.dnsDomain.trim() },
          qos: v.qos,
          to: port ? { port, address: fixed } : undefined,
        });
        notify.success(t('allocated', { address: made.floating_ip_address }));
      }}
      onClose={onClose}
    >
      <QuotaUse query={quotas} resource="floatingip" />
      <SelectField
        control={form.control}
        name="network"
        label={t('network')}
        status={networks.isPending ? 'loading' : 'finished'}
        empty={t('noExternal')}
        options={external.map((n) => ({ value: n.id, label: nameOf(n), description: n.description || undefined }))}
      />
      {choosesAddress && (
        <TextField
          control={form.control}
          name="address"
          label={t('address')}
          optional
          hint={t('addressHint')}
          rule={all(addressOf(4), within)}
        />
      )}
      <SelectField
        control={form.control}
        name="place"
        label={t('place')}
        optional
        options={places}
        hint={network && !targets.pending && places.length === 0 ? t('noTargets') : undefined}
      />
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        optional
        rule={maxLength(255)}
      />
      <TextField control={form.control} name="dnsName" label={t('dnsName')} optional rule={dnsLabel} />
      <TextField
        control={form.control}
        name="dnsDomain"
        label={t('dnsDomain')}
        placeholder="example.org."
        optional
        rule={dnsDomain}
      />
      <PolicyField control={form.control} name="qos" extension="qos-fip" />
    </FormModal>
  );
}
