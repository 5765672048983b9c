import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Network, type Port, useNetworkQuotas, usePorts } from '~/api/network';
import { useSession } from '~/app/useSession';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { QuotaUse } from '~/ui/QuotaUse';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { AdminState, Status, YesNo } from '~/ui/Status';
import { Device } from './Device';
import { PortForm } from './PortForm';
import { usePortActions } from './usePortActions';
import { useServerNames } from './useServerNames';

/** The ports of a network, as far as the project sees them. */
export function PortsTab({ network }: { network: Network }) {
  const { t } = useTranslation('networks');
  const { projectId, isAdmin } = useSession();
  const query = usePorts({ network_id: network.id });
  const quotas = useNetworkQuotas(projectId);
  const names = useServerNames();
  const { actions, dialog } = usePortActions();
  const [creating, setCreating] = useState(false);
  const usable = isAdmin || network.project_id === projectId || network.shared;
  const columns: Column<Port>[] = [
    { id: 'name', header: t('common:name'), cell: (p) => <Go to={`/ports/${p.id}`}>{nameOf(p)}</Go>, value: nameOf },
    {
      id: 'addresses',
      header: t('port.addresses'),
      cell: (p) => p.fixed_ips.map((ip) => ip.ip_address).join(', ') || '–',
      value: (p) => p.fixed_ips.map((ip) => ip.ip_address).join(' '),
    },
    { id: 'mac', header: t('port.mac'), cell: (p) => p.mac_address, value: (p) => p.mac_address },
    {
      id: 'device',
      header: t('port.device'),
      cell: (p) => <Device port={p} name={names.get(p.device_id)} />,
      value: (p) => `${p.device_owner} ${names.get(p.device_id) ?? ''} ${p.device_id}`,
    },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (p) => <Status value={p.status} />,
      value: (p) => p.status,
      width: 120,
    },
    {
      id: 'adminUp',
      header: t('adminState'),
      cell: (p) => <AdminState up={p.admin_state_up} />,
      value: (p) => t(p.admin_state_up ? 'common:status.ENABLED' : 'common:status.DISABLED'),
      width: 110,
    },
    {
      id: 'security',
      header: t('portSecurity'),
      cell: (p) => <YesNo value={p.port_security_enabled} />,
      value: (p) => t(p.port_security_enabled ? 'common:yes' : 'common:no'),
      width: 120,
    },
    { id: 'id', header: t('common:id'), cell: (p) => p.id, value: (p) => p.id, visible: false },
  ];
  return (
    <>
      <ResourceTable
        id="ports"
        title={t('ports')}
        description={<QuotaUse query={quotas} resource="port" />}
        query={query}
        columns={columns}
        actions={actions}
        buttons={
          usable && (
            <Button variant="primary" onClick={() => setCreating(true)} data-testid="add-port">
              {t('port.add')}
            </Button>
          )
        }
        empty={{ title: t('port.empty'), text: t('port.emptyText') }}
      />
      {creating && <PortForm network={network} onClose={() => setCreating(false)} />}
      {dialog}
    </>
  );
}
