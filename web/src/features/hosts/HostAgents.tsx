import { useTranslation } from 'react-i18next';
import { useAgents } from '~/api/network';
import { formatAge } from '~/ui/format';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';
import { type AgentRow, agentRow, useAgentActions } from './useAgentActions';

/** The network agents of a host. */
export function HostAgents({ host }: { host: string }) {
  const { t } = useTranslation('hosts');
  const query = useAgents();
  const columns: Column<AgentRow>[] = [
    { id: 'name', header: t('agent'), cell: (a) => a.agent_type, value: (a) => a.agent_type },
    { id: 'binary', header: t('binary'), cell: (a) => a.binary, value: (a) => a.binary },
    {
      id: 'state',
      header: t('state'),
      cell: (a) => <Status value={a.alive ? 'UP' : 'DOWN'} />,
      value: (a) => (a.alive ? 'up' : 'down'),
    },
    {
      id: 'admin',
      header: t('adminState'),
      cell: (a) => <Status value={a.admin_state_up ? 'ENABLED' : 'DISABLED'} />,
      value: (a) => a.admin_state_up,
    },
    {
      id: 'seen',
      header: t('seen'),
      cell: (a) => formatAge(a.heartbeat_timestamp),
      value: (a) => a.heartbeat_timestamp,
    },
  ];
  return (
    <ResourceTable
      id="host-agents"
      title={t('agents')}
      query={{ ...query, data: query.data?.filter((a) => a.host === host).map(agentRow) }}
      columns={columns}
      actions={useAgentActions()}
      empty={{ title: t('noAgents') }}
    />
  );
}
