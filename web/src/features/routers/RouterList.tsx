import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Router, useNetworkQuotas, useNetworks, useRouters } from '~/api/network';
import { useSession } from '~/app/useSession';
import { formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { QuotaUse } from '~/ui/QuotaUse';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { AdminState, Status, YesNo } from '~/ui/Status';
import { RouterForm } from './RouterForm';
import { useRouterActions } from './useRouterActions';

export default function RouterList() {
  const { t } = useTranslation('routers');
  const { projectId } = useSession();
  const query = useRouters(projectId);
  const quotas = useNetworkQuotas(projectId);
  const networks = useNetworks(projectId).data ?? [];
  const { actions, dialog } = useRouterActions();
  const [creating, setCreating] = useState(false);
  const external = (r: Router) => {
    const id = r.external_gateway_info?.network_id;
    return id && (networks.find((n) => n.id === id)?.name || id);
  };
  const outer = (r: Router) => r.external_gateway_info?.external_fixed_ips.map((ip) => ip.ip_address).join(', ');
  const columns: Column<Router>[] = [
    {
      id: 'name',
      header: t('common:name'),
      cell: (r) => <Go to={`/routers/${r.id}`}>{nameOf(r)}</Go>,
      value: nameOf,
      width: 200,
    },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (r) => <Status value={r.status} />,
      value: (r) => r.status,
      width: 120,
    },
    {
      id: 'adminUp',
      header: t('adminState'),
      cell: (r) => <AdminState up={r.admin_state_up} />,
      value: (r) => t(r.admin_state_up ? 'common:status.ENABLED' : 'common:status.DISABLED'),
      width: 120,
    },
    {
      id: 'external',
      header: t('gateway.network'),
      cell: (r) =>
        r.external_gateway_info ? (
          <Go to={`/networks/${r.external_gateway_info.network_id}`}>{external(r)}</Go>
        ) : (
          t('common:none')
        ),
      value: external,
      width: 180,
    },
    { id: 'address', header: t('gateway.address'), cell: (r) => outer(r) || '–', value: outer, width: 180 },
    {
      id: 'snat',
      header: 'SNAT',
      cell: (r) => (r.external_gateway_info ? <YesNo value={r.external_gateway_info.enable_snat} /> : '–'),
      value: (r) => t(r.external_gateway_info?.enable_snat ? 'common:yes' : 'common:no'),
      width: 100,
      visible: false,
    },
    { id: 'routes', header: t('routes'), cell: (r) => r.routes.length, value: (r) => r.routes.length, visible: false },
    {
      id: 'created',
      header: t('common:created'),
      cell: (r) => formatTime(r.created_at),
      value: (r) => r.created_at,
      visible: false,
    },
    { id: 'id', header: t('common:id'), cell: (r) => r.id, value: (r) => r.id, visible: false },
  ];
  return (
    <>
      <Crumbs trail={[{ text: t('title'), href: '/routers' }]} />
      <ResourceTable
        id="routers"
        title={t('title')}
        description={<QuotaUse query={quotas} resource="router" />}
        query={query}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
            {t('create')}
          </Button>
        }
        empty={{ title: t('empty'), text: t('emptyText') }}
      />
      {creating && <RouterForm onClose={() => setCreating(false)} />}
      {dialog}
    </>
  );
}
