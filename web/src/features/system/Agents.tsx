import type { UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { NetworkAgent } from '~/api/network';
import { type AgentRow, agentRow, useAgentActions } from '~/features/hosts/useAgentActions';
import { formatAge } from '~/ui/format';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { AdminState, Status } from '~/ui/Status';

const words = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(words).join(', ');
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([key, v]) => `${key}: ${words(v)}`)
      .join(', ');
  return String(value);
};

/** settingsOf are an agent's configurations in one line; what the host found has its own table. */
function settingsOf(agent: NetworkAgent): string {
  return Object.entries(agent.configurations)
    .filter(([key]) => key !== 'findings' && key !== 'version')
    .map(([key, value]) => [key, words(value)])
    .filter(([, value]) => value !== '' && value !== 'null')
    .map(([key, value]) => `${key} = ${value}`)
    .join('; ');
}

const versionOf = (agent: NetworkAgent): string => String(agent.configurations.version ?? '–');

export function Agents({ query }: { query: UseQueryResult<NetworkAgent[]> }) {
  const { t } = useTranslation('system');
  const columns: Column<AgentRow>[] = [
    { id: 'name', header: t('agent'), cell: (a) => a.agent_type, value: (a) => a.agent_type, width: 170 },
    { id: 'host', header: t('host'), cell: (a) => a.host, value: (a) => a.host, width: 90 },
    {
      id: 'alive',
      header: t('state'),
      cell: (a) => <Status value={a.alive ? 'UP' : 'DOWN'} />,
      value: (a) => (a.alive ? 'up' : 'down'),
      width: 105,
    },
    {
      id: 'admin',
      header: t('adminState'),
      cell: (a) => <AdminState up={a.admin_state_up} />,
      value: (a) => a.admin_state_up,
      width: 120,
    },
    {
      id: 'seen',
      header: t('heartbeat'),
      cell: (a) => formatAge(a.heartbeat_timestamp),
      value: (a) => a.heartbeat_timestamp,
      width: 130,
    },
    { id: 'version', header: t('version'), cell: versionOf, value: versionOf, width: 110 },
    { id: 'settings', header: t('settings'), cell: settingsOf, value: settingsOf, width: 295 },
  ];
  return (
    <ResourceTable
      id="system-agents"
      title={t('agents')}
      query={{ ...query, data: query.data?.map(agentRow) }}
      columns={columns}
      actions={useAgentActions()}
      wrap
      empty={{ title: t('noHosts'), text: t('noHostsText') }}
    />
  );
}
