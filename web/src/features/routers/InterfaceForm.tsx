import SpaceBetween from '@cloudscape-design/components/space-between';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Port, type Router, type Subnet, useNetworks, usePorts, useSubnets } from '~/api/network';
import { FormModal } from '~/ui/FormModal';
import { RadioField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { addressOf, all, inside } from '~/ui/rules';
import { overlap } from '~/ui/subnetRules';
import { useRecheck } from '~/ui/useRecheck';
import { addPort, addSubnet } from './mutations';

interface Values {
  by: 'subnet' | 'port';
  subnet: string;
  address: string;
  port: string;
}

interface Props {
  router: Router;
  /** Those that the router has already. */
  ports: Port[];
  /** The only network in question. */
  network?: string;
  onClose(): void;
}

/** The dialog that joins a router to a subnet. */
export function InterfaceForm({ router, ports, network, onClose }: Props) {
  const { t } = useTranslation('routers');
  // An administrator may have the router of another project before them.
  const { project_id: projectId } = router;
  const subnets = useSubnets().data ?? [];
  const networks = useNetworks(projectId).data ?? [];
  const free = (usePorts({ project_id: projectId }).data ?? []).filter(
    (p) => p.device_id === '' && (!network || p.network_id === network),
  );
  const form = useForm<Values>({
    mode: 'onChange',
    defaultValues: { by: 'subnet', subnet: '', address: '', port: '' },
  });
  const v = form.watch();
  const chosen = subnets.find((s) => s.id === v.subnet);
  useRecheck(form, ['address'], [v.subnet]);
  const joined = subnets.filter((s) => ports.some((p) => p.fixed_ips.some((ip) => ip.subnet_id === s.id)));
  const why = (s: Subnet) => {
    if (joined.some((other) => other.id === s.id)) return t('joined');
    const other = joined.find((one) => overlap(one.cidr, s.cidr));
    return other && t('overlapsWith', { cidr: other.cidr });
  };
  const usable = networks.filter((n) => (network ? n.id === network : n.project_id === projectId || n.shared));
  return (
    <FormModal
      title={t('addTitle', { name: nameOf(router) })}
      submitLabel={t('addInterface')}
      form={form}
      onSubmit={async (values) => {
        const subnet = subnets.find((s) => s.id === values.subnet);
        if (values.by === 'port') await addPort(router.id, values.port);
        else if (subnet) await addSubnet(router, subnet, values.address.trim());
        notify.success(t('added', { name: nameOf(router) }));
      }}
      onClose={onClose}
    >
      <RadioField
        control={form.control}
        name="by"
        label={t('by')}
        options={[
          { value: 'subnet', label: t('bySubnet') },
          { value: 'port', label: t('byPort'), description: t('byPortHint') },
        ]}
      />
      {v.by === 'subnet' ? (
        <SpaceBetween size="m">
          <SelectField
            control={form.control}
            name="subnet"
            label={t('subnet')}
            empty={t('noSubnets')}
            options={usable
              .map((n) => ({
                label: nameOf(n),
                options: subnets
                  .filter((s) => s.network_id === n.id)
                  .map((s) => ({
                    value: s.id,
                    label: s.name ? `${s.name} – ${s.cidr}` : s.cidr,
                    description: why(s),
                    disabled: why(s) !== undefined,
                  })),
              }))
              .filter((group) => group.options.length > 0)}
          />
          {chosen && (
            <TextField
              control={form.control}
              name="address"
              label={t('address')}
              // Without a gateway in the subnet there is no address that the API would choose.
              optional={chosen.gateway_ip !== null}
              hint={chosen.gateway_ip ? t('addressHint', { address: chosen.gateway_ip }) : t('addressNoGateway')}
              rule={all(addressOf(chosen.ip_version), inside(chosen.cidr))}
            />
          )}
        </SpaceBetween>
      ) : (
        <SelectField
          control={form.control}
          name="port"
          label={t('port')}
          empty={t('noPorts')}
          options={free
            .filter((p) => p.fixed_ips.length > 0)
            .map((p) => ({
              value: p.id,
              label: nameOf(p),
              description: p.fixed_ips.map((ip) => ip.ip_address).join(', '),
            }))}
        />
      )}
    </FormModal>
  );
}
