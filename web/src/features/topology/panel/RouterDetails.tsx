import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import type { Router } from '~/api/network';
import { useRouterActions } from '~/features/routers/useRouterActions';
import { ActionButtons } from '~/ui/ActionButtons';
import { perform } from '~/ui/actions';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Status } from '~/ui/Status';
import { type Graph, joinsOf } from '../graph';
import { statusOf } from '../tone';
import type { Connections } from '../useConnections';
import { ConnectMenu } from './ConnectMenu';
import { JoinList } from './JoinList';

interface Props {
  router: Router;
  graph: Graph;
  connections: Connections;
  select(id: string): void;
}

export function RouterDetails({ router, graph, connections, select }: Props) {
  const { t } = useTranslation(['topology', 'routers']);
  const { actions, dialog } = useRouterActions(() => select(''));
  const joins = joinsOf(graph, router.id);
  const gateway = actions.find((a) => a.id === (router.external_gateway_info ? 'clearGateway' : 'setGateway'));
  return (
    <Container
      header={
        <Header variant="h2" actions={<ActionButtons actions={actions} items={[router]} />}>
          <Go to={`/routers/${router.id}`} fontSize="heading-m">
            {nameOf(router)}
          </Go>
        </Header>
      }
    >
      <SpaceBetween size="m">
        <KeyValuePairs
          columns={1}
          items={[
            {
              label: t('common:statusLabel'),
              value: <Status value={statusOf({ kind: 'router', id: router.id, name: router.name, router })} />,
            },
            {
              label: t('joinKind.gateway'),
              value: (
                <JoinList
                  graph={graph}
                  joins={joins.filter((j) => j.kind === 'gateway')}
                  end="network"
                  connections={connections}
                  select={select}
                />
              ),
            },
            {
              label: t('routers:interfaces'),
              value: (
                <JoinList
                  graph={graph}
                  joins={joins.filter((j) => j.kind === 'interface')}
                  end="network"
                  connections={connections}
                  select={select}
                />
              ),
            },
          ]}
        />
        <SpaceBetween direction="horizontal" size="xs">
          <ConnectMenu
            graph={graph}
            from={router.id}
            to="network"
            text={t('connectNetwork')}
            connections={connections}
          />
          {gateway && <Button onClick={() => void perform(gateway, [router])}>{gateway.text}</Button>}
        </SpaceBetween>
      </SpaceBetween>
      {dialog}
    </Container>
  );
}
