import { useTranslation } from 'react-i18next';
import type { NetworkAgent } from '~/api/network';
import { write } from '~/api/write';
import type { Action } from '~/ui/actions';

/** A network agent as lists show it. */
export type AgentRow = NetworkAgent & { name: string };

export const agentRow = (agent: NetworkAgent): AgentRow => ({ ...agent, name: `${agent.agent_type} (${agent.host})` });

const switchAgent = (id: string, up: boolean): Promise<void> =>
  write(['agent'], 'network', 'PUT', `/agents/${id}`, { agent: { admin_state_up: up } });

/** What can be done to network agents. One that reports would be there again at once: only others can be deleted. */
export function useAgentActions(): Action<AgentRow>[] {
  const { t } = useTranslation('hosts');
  const named = (items: AgentRow[]) => ({ count: items.length, name: items[0]?.name });
  return [
    {
      id: 'enable',
      text: t('enable'),
      refused: (a) => (a.admin_state_up ? t('refusedEnabled') : undefined),
      run: (a) => switchAgent(a.id, true),
    },
    {
      id: 'disable',
      text: t('disable'),
      refused: (a) => (a.admin_state_up ? undefined : t('refusedDisabled')),
      question: (items) => ({ title: t('disableAgentTitle', named(items)), body: t('disableAgentText') }),
      run: (a) => switchAgent(a.id, false),
    },
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      refused: (a) => (a.alive ? t('refusedAlive') : undefined),
      question: (items) => ({ title: t('deleteAgentTitle', named(items)), body: t('deleteAgentText') }),
      run: (a) => write(['agent'], 'network', 'DELETE', `/agents/${a.id}`),
    },
  ];
}
