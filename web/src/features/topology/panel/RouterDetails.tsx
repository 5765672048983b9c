import Button from '@cloudscape-design/components/button';
import { useTranslation } from 'react-i18next';
import type { Router } from '~/api/network';
import { useRouterActions } from '~/features/routers/useRouterActions';
import { perform } from '~/ui/actions';
import { Status } from '~/ui/Status';
import { type Graph, joinsOf } from '../graph';
import { statusOf } from '../tone';
import type { Connections } from '../useConnections';
import { ConnectMenu } from './ConnectMenu';
import { JoinList } from './JoinList';
import { Panel } from './Panel';

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
    <Panel
      thing={router}
      to={`/routers/${router.id}`}
      actions={actions}
      dialog={dialog}
      facts={[
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
    >
      <ConnectMenu graph={graph} from={router.id} to="network" text={t('connectNetwork')} connections={connections} />
      {gateway && <Button onClick={() => void perform(gateway, [router])}>{gateway.text}</Button>}
    </Panel>
  );
}
