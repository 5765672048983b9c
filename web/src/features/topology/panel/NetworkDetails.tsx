import Button from '@cloudscape-design/components/button';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { useNetworkActions } from '~/features/networks/useNetworkActions';
import { Status } from '~/ui/Status';
import { type Graph, joinsOf, type Thing } from '../graph';
import { statusOf } from '../tone';
import type { Connections } from '../useConnections';
import { ConnectMenu } from './ConnectMenu';
import { JoinList } from './JoinList';
import { Panel } from './Panel';

interface Props {
  thing: Extract<Thing, { kind: 'network' }>;
  graph: Graph;
  connections: Connections;
  select(id: string): void;
}

export function NetworkDetails({ thing, graph, connections, select }: Props) {
  const { t } = useTranslation('topology');
  const navigate = useNavigate();
  const { network, subnets } = thing;
  const { actions, dialog } = useNetworkActions(() => select(''));
  const joins = joinsOf(graph, network.id);
  const of = (instances: boolean) => joins.filter((j) => (j.kind === 'instance') === instances);
  return (
    <Panel
      thing={network}
      to={`/networks/${network.id}`}
      actions={actions}
      dialog={dialog}
      facts={[
        { label: t('kind'), value: t(thing.external ? 'external' : network.shared ? 'shared' : 'network') },
        { label: t('common:statusLabel'), value: <Status value={statusOf(thing)} /> },
        {
          label: t('subnets'),
          value: subnets.map((s) => (s.name ? `${s.name} – ${s.cidr}` : s.cidr)).join(', ') || t('noSubnet'),
        },
        {
          label: t('routers'),
          value: <JoinList graph={graph} joins={of(false)} end="from" connections={connections} select={select} />,
        },
        {
          label: `${t('instances')} (${of(true).length})`,
          value: <JoinList graph={graph} joins={of(true)} end="from" select={select} />,
        },
      ]}
    >
      <ConnectMenu graph={graph} from={network.id} to="router" text={t('connectRouter')} connections={connections} />
      <Button onClick={() => navigate(`/instances/launch?network=${network.id}`)}>{t('launchHere')}</Button>
    </Panel>
  );
}
