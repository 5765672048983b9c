import { useTranslation } from 'react-i18next';
import { type Network, useSubnets } from '~/api/network';
import { useSession } from '~/app/useSession';
import { formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import type { Column } from '~/ui/ResourceTable';
import { AdminState, Status, YesNo } from '~/ui/Status';

/** The columns of lists of networks. Administrators see what carries a network too. */
export function useNetworkColumns(): Column<Network>[] {
  const { t } = useTranslation('networks');
  const { isAdmin } = useSession();
  const subnets = useSubnets().data ?? [];
  const ranges = (n: Network) => subnets.filter((s) => s.network_id === n.id).map((s) => s.cidr);
  const flag = (value: boolean) => t(value ? 'common:yes' : 'common:no');
  const columns: Column<Network>[] = [
    {
      id: 'name',
      header: t('common:name'),
      cell: (n) => <Go to={`/networks/${n.id}`}>{nameOf(n)}</Go>,
      value: nameOf,
      width: 170,
    },
    {
      id: 'subnets',
      header: t('subnets'),
      cell: (n) => ranges(n).join(', ') || '–',
      value: (n) => ranges(n).join(', '),
      width: 165,
    },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (n) => <Status value={n.status} />,
      value: (n) => n.status,
      width: 110,
    },
    {
      id: 'adminUp',
      header: t('adminState'),
      cell: (n) => <AdminState up={n.admin_state_up} />,
      value: (n) => t(n.admin_state_up ? 'common:status.ENABLED' : 'common:status.DISABLED'),
      width: 110,
    },
    {
      id: 'shared',
      header: t('shared'),
      cell: (n) => <YesNo value={n.shared} />,
      value: (n) => flag(n.shared),
      width: 95,
    },
    {
      id: 'external',
      header: t('external'),
      cell: (n) => <YesNo value={n['router:external']} />,
      value: (n) => flag(n['router:external']),
      width: 100,
    },
    { id: 'mtu', header: 'MTU', cell: (n) => n.mtu, value: (n) => n.mtu, width: 90, visible: false },
    {
      id: 'created',
      header: t('common:created'),
      cell: (n) => formatTime(n.created_at),
      value: (n) => n.created_at,
      visible: false,
    },
    { id: 'id', header: t('common:id'), cell: (n) => n.id, value: (n) => n.id, visible: false },
  ];
  if (isAdmin) {
    columns.push(
      { id: 'carrier', header: t('type'), cell: (n) => carrier(n, t), value: (n) => carrier(n, t), width: 150 },
      {
        id: 'physical',
        header: t('physical'),
        cell: (n) => n['provider:physical_network'] ?? '–',
        value: (n) => n['provider:physical_network'],
        visible: false,
      },
      {
        id: 'segment',
        header: t('segment'),
        cell: (n) => n['provider:segmentation_id'] ?? '–',
        value: (n) => n['provider:segmentation_id'],
        visible: false,
      },
    );
  }
  return columns;
}

/** carrier is what carries a network: "VXLAN 5012", "VLAN public 12", "Flat public". */
const carrier = (n: Network, t: (key: string) => string): string =>
  [
    n['provider:network_type'] && t(`types.${n['provider:network_type']}`),
    n['provider:physical_network'],
    n['provider:segmentation_id'],
  ]
    .filter(Boolean)
    .join(' ');
