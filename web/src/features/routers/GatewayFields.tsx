import Alert from '@cloudscape-design/components/alert';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect } from 'react';
import type { UseFormReturn } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useNetworks, useSubnets } from '~/api/network';
import { useSession } from '~/app/useSession';
import { PolicyField } from '~/features/qos/PolicyField';
import { CheckField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { addressOf, all, inside } from '~/ui/rules';
import { useRecheck } from '~/ui/useRecheck';
import type { GatewayValues } from './mutations';

export interface GatewayPart {
  gateway: GatewayValues;
}

/** The way out of a router: an external network, a QoS policy, and for administrators SNAT and the address there. */
export function GatewayFields({ form, optional }: { form: UseFormReturn<GatewayPart>; optional: boolean }) {
  const { t } = useTranslation('routers');
  const { isAdmin, projectId } = useSession();
  const networks = useNetworks(projectId);
  const external = (networks.data ?? []).filter((n) => n['router:external']);
  const v = form.watch('gateway');
  const subnets = (useSubnets().data ?? []).filter((s) => s.network_id === v.network);
  const subnet = subnets.find((s) => s.id === v.subnet);
  const left = !subnet && (v.subnet !== '' || v.address !== '');
  useEffect(() => {
    if (!left) return;
    // What belongs to a subnet that is not chosen any more is not shown, and must not be sent.
    form.setValue('gateway.subnet', '');
    form.setValue('gateway.address', '');
    form.clearErrors('gateway.address');
  }, [left, form]);
  useRecheck(form, ['gateway.address'], [v.network, v.subnet]);
  return (
    <SpaceBetween size="m">
      <SelectField
        control={form.control}
        name="gateway.network"
        label={t('gateway.network')}
        optional={optional}
        status={networks.isPending ? 'loading' : 'finished'}
        options={external.map((n) => ({ value: n.id, label: nameOf(n), description: n.description || undefined }))}
      />
      {networks.data && external.length === 0 && <Alert type="info">{t('gateway.noExternal')}</Alert>}
      {isAdmin && v.network && (
        <SpaceBetween size="m">
          <CheckField
            control={form.control}
            name="gateway.snat"
            label={t('gateway.snat')}
            description={t('gateway.snatHint')}
          />
          <ColumnLayout columns={2}>
            <SelectField
              control={form.control}
              name="gateway.subnet"
              label={t('gateway.subnet')}
              optional
              options={subnets.map((s) => ({ value: s.id, label: s.cidr, description: s.name || undefined }))}
            />
            {subnet && (
              <TextField
                control={form.control}
                name="gateway.address"
                label={t('gateway.address')}
                optional
                rule={all(addressOf(subnet.ip_version), inside(subnet.cidr))}
              />
            )}
          </ColumnLayout>
        </SpaceBetween>
      )}
      {v.network && <PolicyField control={form.control} name="gateway.qos" extension="qos-gateway-ip" />}
    </SpaceBetween>
  );
}
