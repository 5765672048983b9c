import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Network, type Subnet, useNetworkQuotas, usePorts, useSubnets } from '~/api/network';
import { remove, setTags } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { type Action, opens } from '~/ui/actions';
import { useColumns } from '~/ui/columns';
import { nameOf } from '~/ui/format';
import { QuotaUse } from '~/ui/QuotaUse';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { YesNo } from '~/ui/Status';
import { useTags } from '~/ui/useTags';
import { SubnetDeletion } from './Deletions';
import { SubnetForm } from './SubnetForm';

const many = (lines: string[]) => (lines.length > 0 ? lines.map((line) => <div key={line}>{line}</div>) : '–');

/** The subnets of a network. */
export function SubnetsTab({ network }: { network: Network }) {
  const { t } = useTranslation('networks');
  const { isAdmin, projectId } = useSession();
  const subnets = useSubnets();
  const ports = usePorts({ network_id: network.id });
  const quotas = useNetworkQuotas(network.project_id || projectId);
  const [dialog, setDialog] = useState<{ before?: Subnet }>();
  const column = useColumns();
  const tags = useTags<Subnet>({ save: (s, all) => setTags('subnet', s.id, all) });
  const own = isAdmin || network.project_id === projectId;
  const columns: Column<Subnet>[] = [
    { id: 'name', header: t('common:name'), cell: nameOf, value: nameOf },
    { id: 'cidr', header: t('subnet.cidr'), cell: (s) => s.cidr, value: (s) => s.cidr },
    {
      id: 'version',
      header: t('subnet.version'),
      cell: (s) => `IPv${s.ip_version}`,
      value: (s) => s.ip_version,
      width: 110,
    },
    {
      id: 'gateway',
      header: t('subnet.gateway'),
      cell: (s) => s.gateway_ip ?? t('common:none'),
      value: (s) => s.gateway_ip,
    },
    {
      id: 'dhcp',
      header: 'DHCP',
      cell: (s) => (s.ipv6_address_mode && s.enable_dhcp ? s.ipv6_address_mode : <YesNo value={s.enable_dhcp} />),
      value: (s) => String(s.enable_dhcp),
      width: 100,
    },
    {
      id: 'pools',
      header: t('subnet.pools'),
      cell: (s) => many(s.allocation_pools.map((p) => `${p.start} – ${p.end}`)),
      value: (s) => s.allocation_pools[0]?.start,
      width: 240,
    },
    {
      id: 'dns',
      header: t('subnet.dns'),
      cell: (s) => many(s.dns_nameservers),
      value: (s) => s.dns_nameservers.join(' '),
    },
    {
      id: 'routes',
      header: t('subnet.routes'),
      cell: (s) => many(s.host_routes.map((r) => `${r.destination} → ${r.nexthop}`)),
      visible: false,
    },
    {
      id: 'serviceTypes',
      header: t('subnet.serviceTypes'),
      cell: (s) => many(s.service_types ?? []),
      value: (s) => (s.service_types ?? []).join(' '),
      visible: false,
    },
    column.tags(),
    { id: 'description', header: t('common:description'), cell: (s) => s.description || '–', visible: false },
    { id: 'id', header: t('common:id'), cell: (s) => s.id, value: (s) => s.id, visible: false },
  ];
  const actions: Action<Subnet>[] = [
    opens({ id: 'edit', text: t('common:edit'), open: (before) => setDialog({ before }) }),
    tags.action,
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      question: (items) => ({
        title: t('subnet.deleteTitle', { count: items.length }),
        body: <SubnetDeletion subnets={items} ports={ports.data ?? []} />,
      }),
      run: (s) => remove('subnet', s.id),
    },
  ];
  return (
    <>
      <ResourceTable
        id="subnets"
        title={t('subnets')}
        description={own && <QuotaUse query={quotas} resource="subnet" />}
        query={{ ...subnets, data: subnets.data?.filter((s) => s.network_id === network.id) }}
        columns={columns}
        actions={own ? actions : undefined}
        buttons={
          own && (
            <Button variant="primary" onClick={() => setDialog({})} data-testid="add-subnet">
              {t('subnet.add')}
            </Button>
          )
        }
        empty={{ title: t('subnet.empty'), text: t('subnet.emptyText') }}
      />
      {dialog && <SubnetForm network={network} before={dialog.before} onClose={() => setDialog(undefined)} />}
      {tags.dialog}
    </>
  );
}
