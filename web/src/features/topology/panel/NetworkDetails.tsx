import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { useNetworkActions } from '~/features/networks/useNetworkActions';
import { ActionButtons } from '~/ui/ActionButtons';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Status } from '~/ui/Status';
import { type Graph, joinsOf, type Thing } from '../graph';
import { statusOf } from '../tone';
import type { Connections } from '../useConnections';
import { ConnectMenu } from './ConnectMenu';
import { JoinList } from './JoinList';

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
    <Container
      header={
        <Header variant="h2" actions={<ActionButtons actions={actions} items={[network]} />}>
          <Go to={`/networks/${network.id}`} fontSize="heading-m">
            {nameOf(network)}
          </Go>
        </Header>
      }
    >
      <SpaceBetween size="m">
        <KeyValuePairs
          columns={1}
          items={[
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
        />
        <SpaceBetween direction="horizontal" size="xs">
          <ConnectMenu
            graph={graph}
            from={network.id}
            to="router"
            text={t('connectRouter')}
            connections={connections}
          />
          <Button onClick={() => navigate(`/instances/launch?network=${network.id}`)}>{t('launchHere')}</Button>
        </SpaceBetween>
      </SpaceBetween>
      {dialog}
    </Container>
  );
}
