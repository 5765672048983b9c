import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useExtensions, useFloatingIPs, useNetworkQuotas, useNetworks, useRouters } from '~/api/network';
import { useSession } from '~/app/useSession';
import { useServerNames } from '~/features/networks/useServerNames';
import { PolicyLink, usePolicyName } from '~/features/qos/PolicyLink';
import { useColumns } from '~/ui/columns';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { QuotaUse } from '~/ui/QuotaUse';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';
import { AllocateForm } from './AllocateForm';
import { Served } from './Served';
import { type Row, rowOf, useFloatingIPActions } from './useFloatingIPActions';

export default function FloatingIPList() {
  const { t } = useTranslation('floatingips');
  const { projectId } = useSession();
  const query = useFloatingIPs(projectId);
  const quotas = useNetworkQuotas(projectId);
  const networks = useNetworks(projectId).data ?? [];
  const routers = useRouters(projectId, true).data ?? [];
  const names = useServerNames();
  const limited = useExtensions().data?.includes('qos-fip') ?? false;
  const policyName = usePolicyName(limited);
  const [allocating, setAllocating] = useState(false);
  const { actions, dialog, associateIt } = useFloatingIPActions();
  const column = useColumns<Row>();
  const networkName = (f: Row) => networks.find((n) => n.id === f.floating_network_id)?.name || f.floating_network_id;
  const routerName = (f: Row) => f.router_id && (routers.find((r) => r.id === f.router_id)?.name || f.router_id);
  const columns: Column<Row>[] = [
    { ...column.name('/floating-ips', 140), header: t('address') },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (f) => <Status value={f.status} />,
      value: (f) => f.status,
      width: 120,
    },
    {
      id: 'fixed',
      header: t('fixedAddress'),
      cell: (f) => f.fixed_ip_address ?? '–',
      value: (f) => f.fixed_ip_address,
      width: 140,
    },
    {
      id: 'serves',
      header: t('serves'),
      cell: (f) =>
        f.port_id ? (
          <Served floatingIP={f} name={names.get(f.port_details?.device_id ?? '')} />
        ) : (
          <Button
            variant="inline-link"
            ariaLabel={`${t('associate')}: ${f.name}`}
            onClick={() => associateIt(f)}
            data-testid="associate"
          >
            {t('associate')}
          </Button>
        ),
      value: (f) => names.get(f.port_details?.device_id ?? '') ?? f.port_id,
      width: 220,
    },
    {
      id: 'router',
      header: t('router'),
      cell: (f) => (f.router_id ? <Go to={`/routers/${f.router_id}`}>{routerName(f)}</Go> : '–'),
      value: routerName,
      width: 150,
      visible: false,
    },
    { id: 'network', header: t('network'), cell: networkName, value: networkName, width: 140 },
    {
      id: 'description',
      header: t('common:description'),
      cell: (f) => f.description || '–',
      value: (f) => f.description,
    },
    column.tags(),
    ...(limited
      ? [
          {
            id: 'qos',
            header: t('qosPolicy'),
            cell: (f: Row) => <PolicyLink id={f.qos_policy_id} />,
            value: (f: Row) => f.qos_policy_id && policyName(f.qos_policy_id),
            visible: false,
          },
        ]
      : []),
    column.time('created', t('common:created'), (f) => f.created_at, { visible: false }),
    { id: 'id', header: t('common:id'), cell: (f) => f.id, value: (f) => f.id, visible: false },
  ];
  return (
    <>
      <Crumbs trail={[{ text: t('title'), href: '/floating-ips' }]} />
      <ResourceTable
        id="floatingips"
        title={t('title')}
        description={<QuotaUse query={quotas} resource="floatingip" />}
        query={{ ...query, data: query.data?.map(rowOf) }}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setAllocating(true)} data-testid="create">
            {t('allocate')}
          </Button>
        }
        empty={{ title: t('empty'), text: t('emptyText') }}
      />
      {dialog ?? (allocating && <AllocateForm onClose={() => setAllocating(false)} />)}
    </>
  );
}
