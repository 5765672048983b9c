import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { type Port, useNetworks, usePorts, useSecurityGroups } from '~/api/network';
import { useSession } from '~/app/useSession';
import { AttachForm } from '~/features/instances/life/AttachForm';
import { refusedWords } from '~/features/instances/lifecycle';
import { detachInterface } from '~/features/instances/mutations';
import { type Action, opens } from '~/ui/actions';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';
import { PortGroupsForm } from './PortGroupsForm';

/** The ports of a server, and what can be done to them. */
export function InterfacesTab({ server }: { server: Server }) {
  const { t } = useTranslation(['instance', 'instances']);
  const { isAdmin } = useSession();
  const [attaching, setAttaching] = useState(false);
  const [guarded, setGuarded] = useState<Port>();
  const query = usePorts({ device_id: server.id });
  const networks = useNetworks(server.tenant_id, true).data ?? [];
  const groups = useSecurityGroups(server.tenant_id, true).data ?? [];
  const networkName = (p: Port) => networks.find((n) => n.id === p.network_id)?.name || p.network_id;
  const addresses = (p: Port) => p.fixed_ips.map((ip) => ip.ip_address).join(', ');
  const groupName = (id: string) => groups.find((g) => g.id === id)?.name ?? id;
  const columns: Column<Port>[] = [
    {
      id: 'name',
      header: t('port'),
      cell: (p) => <Go to={`/ports/${p.id}`}>{nameOf(p)}</Go>,
      value: (p) => p.name,
      width: 150,
    },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (p) => <Status value={p.status} />,
      value: (p) => t(`common:status.${p.status}`, { defaultValue: p.status }),
      width: 120,
    },
    { id: 'addresses', header: t('instances:addresses'), cell: addresses, value: addresses, width: 170 },
    { id: 'mac', header: t('mac'), cell: (p) => p.mac_address, value: (p) => p.mac_address, width: 165 },
    {
      id: 'network',
      header: t('network'),
      cell: (p) => <Go to={`/networks/${p.network_id}`}>{networkName(p)}</Go>,
      value: networkName,
      width: 160,
    },
    {
      id: 'groups',
      header: t('securityGroups'),
      cell: (p) =>
        p.security_groups.length === 0
          ? '–'
          : p.security_groups.map((id) => (
              <div key={id}>
                <Go to={`/security-groups/${id}`}>{groupName(id)}</Go>
              </div>
            )),
      value: (p) => p.security_groups.map(groupName).join(', '),
      width: 150,
    },
    {
      id: 'trace',
      header: t('trace'),
      cell: (p) => (
        <Go to={`/trace?port=${p.id}`} ariaLabel={`${t('traceFrom')}: ${nameOf(p)}`}>
          {t('traceFrom')}
        </Go>
      ),
      width: 130,
    },
    { id: 'id', header: t('common:id'), cell: (p) => p.id, value: (p) => p.id, visible: false },
  ];
  const refused = refusedWords(t, server, 'interfaces', isAdmin);
  const actions: Action<Port>[] = [
    opens({
      id: 'groups',
      text: t('portGroups.action'),
      refused: (p) => (p.port_security_enabled ? undefined : t('portGroups.off')),
      open: (p: Port) => setGuarded(p),
    }),
    {
      id: 'detach',
      text: t('detach.action'),
      danger: true,
      refused: () => refused,
      question: (items) => ({
        title: t('detach.title', { count: items.length, name: items[0] && (addresses(items[0]) || nameOf(items[0])) }),
        body: t('detach.text', { count: items.length }),
      }),
      run: (p) => detachInterface(server.id, p.id),
    },
  ];
  return (
    <>
      <ResourceTable
        id="instance-interfaces"
        title={t('tab.interfaces')}
        query={query}
        columns={columns}
        actions={actions}
        buttons={
          <Button
            variant="primary"
            disabled={refused !== undefined}
            disabledReason={refused}
            onClick={() => setAttaching(true)}
            data-testid="attach"
          >
            {t('instances:attach.action')}
          </Button>
        }
        empty={{ title: t('noInterfaces'), text: t('noInterfacesText') }}
      />
      {attaching && <AttachForm server={server} onClose={() => setAttaching(false)} />}
      {guarded && <PortGroupsForm port={guarded} onClose={() => setGuarded(undefined)} />}
    </>
  );
}
