import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Server, useServerActions } from '~/api/compute';
import { useSession } from '~/app/useSession';
import { UnshelveForm } from '~/features/instances/life/UnshelveForm';
import { refusalOf, serverActions } from '~/features/instances/lifecycle';
import { perform } from '~/ui/actions';
import { formatAge } from '~/ui/format';

/** What each state in which a server does not do its work is called in the log of actions, and what ends it. */
const waits: Record<string, { begun: string; ends: string[] }> = {
  VERIFY_RESIZE: { begun: 'resize', ends: ['confirm-resize', 'revert-resize'] },
  RESCUE: { begun: 'rescue', ends: ['unrescue'] },
  PAUSED: { begun: 'pause', ends: ['unpause'] },
  SUSPENDED: { begun: 'suspend', ends: ['resume'] },
  SHELVED: { begun: 'shelve', ends: ['unshelve'] },
  SHELVED_OFFLOADED: { begun: 'shelve', ends: ['unshelve'] },
  SOFT_DELETED: { begun: 'delete', ends: ['restore'] },
};

/** Says that a server waits for somebody: what that means, since when, and the way out of it. */
export function StateBanner({ server }: { server: Server }) {
  const wait = server['OS-EXT-STS:task_state'] ? undefined : waits[server.status];
  return wait ? <Waiting server={server} {...wait} /> : null;
}

function Waiting({ server, begun, ends }: { server: Server; begun: string; ends: string[] }) {
  const { t } = useTranslation(['instance', 'instances']);
  const { isAdmin } = useSession();
  const [unshelving, setUnshelving] = useState(false);
  const since = useServerActions(server.id).data?.find((a) => a.action === begun)?.start_time;
  const actions = serverActions(t, { isAdmin }).filter((a) => ends.includes(a.id));
  const locked = refusalOf(server, 'stop', { isAdmin })?.word === 'locked';
  return (
    <>
      <Alert
        type={server.status === 'VERIFY_RESIZE' ? 'warning' : 'info'}
        header={t(`waits.${server.status}.title`)}
        data-testid="state-banner"
        action={
          <SpaceBetween direction="horizontal" size="xs">
            {actions.map((a) => (
              <Button key={a.id} disabled={locked} onClick={() => void perform(a, [server])} data-testid={a.id}>
                {a.text}
              </Button>
            ))}
            {ends.includes('unshelve') && (
              <Button disabled={locked} onClick={() => setUnshelving(true)} data-testid="unshelve">
                {t('instances:unshelve.action')}
              </Button>
            )}
          </SpaceBetween>
        }
      >
        {t(`waits.${server.status}.text`, { flavor: server.flavor.original_name })}
        {since && ` ${t('waits.since', { age: formatAge(since) })}`}
      </Alert>
      {unshelving && <UnshelveForm server={server} onClose={() => setUnshelving(false)} />}
    </>
  );
}
