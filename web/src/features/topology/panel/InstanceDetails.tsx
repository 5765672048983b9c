import Button from '@cloudscape-design/components/button';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import type { Server } from '~/api/compute';
import { portTrace, useExtensions } from '~/api/network';
import { useSession } from '~/app/useSession';
import { serverActions } from '~/features/instances/lifecycle';
import { ServerStatus } from '~/features/instances/ServerStatus';
import { useInstanceActions } from '~/features/instances/useInstanceActions';
import { perform } from '~/ui/actions';
import { type Graph, joinsOf } from '../graph';
import { JoinList } from './JoinList';
import { Panel } from './Panel';

interface Props {
  server: Server;
  graph: Graph;
  select(id: string): void;
}

export function InstanceDetails({ server, graph, select }: Props) {
  const { t } = useTranslation(['topology', 'instances']);
  const { isAdmin } = useSession();
  const navigate = useNavigate();
  const { actions, dialog } = useInstanceActions();
  const traces = useExtensions().data?.includes(portTrace) ?? false;
  const joins = joinsOf(graph, server.id);
  const port = joins.flatMap((j) => j.ports)[0];
  const quick = serverActions(t, { isAdmin }).filter((a) => a.id === 'start' || a.id === 'stop');
  const floating = Object.values(server.addresses)
    .flat()
    .filter((a) => a['OS-EXT-IPS:type'] === 'floating')
    .map((a) => a.addr);
  return (
    <Panel
      thing={server}
      to={`/instances/${server.id}`}
      actions={actions}
      dialog={dialog}
      facts={[
        { label: t('common:statusLabel'), value: <ServerStatus server={server} /> },
        { label: t('networks'), value: <JoinList graph={graph} joins={joins} end="network" select={select} /> },
        { label: t('floatingIPs'), value: floating.join(', ') || '–' },
        { label: t('flavor'), value: server.flavor.original_name },
      ]}
    >
      {quick.map((action) => {
        const why = action.refused?.(server);
        return (
          <Button
            key={action.id}
            disabled={why !== undefined}
            disabledReason={why}
            onClick={() => void perform(action, [server])}
          >
            {action.text}
          </Button>
        );
      })}
      <Button onClick={() => navigate(`/instances/${server.id}?tab=console`)}>{t('console')}</Button>
      {traces && port && <Button onClick={() => navigate(`/trace?port=${port.id}`)}>{t('trace')}</Button>}
    </Panel>
  );
}
