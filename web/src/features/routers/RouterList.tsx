import { useTranslation } from 'react-i18next';
import { type Router, useNetworkQuotas, useNetworks, useRouters } from '~/api/network';
import { useSession } from '~/app/useSession';
import { useColumns } from '~/ui/columns';
import { Go } from '~/ui/Go';
import { ListPage } from '~/ui/ListPage';
import { QuotaUse } from '~/ui/QuotaUse';
import type { Column } from '~/ui/ResourceTable';
import { AdminState, Status, YesNo } from '~/ui/Status';
import { RouterForm } from './RouterForm';
import { useRouterActions } from './useRouterActions';

export default function RouterList() {
  const { t } = useTranslation('routers');
  const column = useColumns();
  const { projectId } = useSession();
  const query = useRouters(projectId);
  const quotas = useNetworkQuotas(projectId);
  const networks = useNetworks(projectId).data ?? [];
  const { actions, dialog } = useRouterActions();
  const external = (r: Router) => {
    const id = r.external_gateway_info?.network_id;
    return id && (networks.find((n) => n.id === id)?.name || id);
  };
  const outer = (r: Router) => r.external_gateway_info?.external_fixed_ips.map((ip) => ip.ip_address).join(', ');
  const columns: Column<Router>[] = [
    column.name('/routers', 200),
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
    column.created(),
    column.id(),
  ];
  return (
    <ListPage
      id="routers"
      path="/routers"
      title={t('title')}
      description={<QuotaUse query={quotas} resource="router" />}
      query={query}
      columns={columns}
      actions={actions}
      create={{ text: t('create'), form: (close) => <RouterForm onClose={close} /> }}
      empty={{ title: t('empty'), text: t('emptyText') }}
      dialog={dialog}
    />
  );
}
