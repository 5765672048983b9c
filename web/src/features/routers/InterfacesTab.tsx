import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Port, type Router, useNetworks, usePorts, useSubnets } from '~/api/network';
import { useSession } from '~/app/useSession';
import type { Action } from '~/ui/actions';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';
import { InterfaceForm } from './InterfaceForm';
import { removeInterface } from './mutations';

/** The ports that a router has: one for each network, and that of its gateway. */
export function InterfacesTab({ router }: { router: Router }) {
  const { t } = useTranslation('routers');
  const { projectId } = useSession();
  const query = usePorts({ device_id: router.id });
  const subnets = useSubnets().data ?? [];
  const networks = useNetworks(projectId, true).data ?? [];
  const [adding, setAdding] = useState(false);
  const gateway = (p: Port) => p.device_owner === 'network:router_gateway';
  const network = (p: Port) => networks.find((n) => n.id === p.network_id)?.name || p.network_id;
  const subnetsOf = (p: Port) =>
    p.fixed_ips.map((ip) => subnets.find((s) => s.id === ip.subnet_id)?.cidr ?? ip.subnet_id).join(', ');
  const columns: Column<Port>[] = [
    { id: 'name', header: t('port'), cell: (p) => <Go to={`/ports/${p.id}`}>{nameOf(p)}</Go>, value: nameOf },
    {
      id: 'kind',
      header: t('kind'),
      cell: (p) => t(gateway(p) ? 'kindGateway' : 'kindInterface'),
      value: (p) => t(gateway(p) ? 'kindGateway' : 'kindInterface'),
    },
    {
      id: 'network',
      header: t('network'),
      cell: (p) => <Go to={`/networks/${p.network_id}`}>{network(p)}</Go>,
      value: network,
    },
    { id: 'subnet', header: t('subnet'), cell: subnetsOf, value: subnetsOf },
    {
      id: 'address',
      header: t('address'),
      cell: (p) => p.fixed_ips.map((ip) => ip.ip_address).join(', '),
      value: (p) => p.fixed_ips.map((ip) => ip.ip_address).join(', '),
    },
    { id: 'mac', header: t('mac'), cell: (p) => p.mac_address, value: (p) => p.mac_address },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (p) => <Status value={p.status} />,
      value: (p) => p.status,
      width: 120,
    },
  ];
  const actions: Action<Port>[] = [
    {
      id: 'remove',
      text: t('removeInterface'),
      danger: true,
      refused: (p) => (gateway(p) ? t('removeGateway') : undefined),
      question: (items) => ({
        title: t('removeTitle', { count: items.length }),
        body: t('removeText', { subnets: items.map(subnetsOf).join(', ') }),
      }),
      run: (p) => removeInterface(router.id, p.id),
    },
  ];
  return (
    <>
      <ResourceTable
        id="router-interfaces"
        title={t('interfaces')}
        query={query}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setAdding(true)} data-testid="add-interface">
            {t('addInterface')}
          </Button>
        }
        empty={{ title: t('noInterfaces'), text: t('noInterfacesText') }}
      />
      {adding && <InterfaceForm router={router} ports={query.data ?? []} onClose={() => setAdding(false)} />}
    </>
  );
}
