import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ActionEvent, type InstanceAction, type Server, useServerAction, useServerActions } from '~/api/compute';
import { useUser } from '~/api/identity';
import { useSession } from '~/app/useSession';
import { formatSeconds, formatTime } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { Result } from './Result';
import { microsOf } from './way/layout';
import './instance.css';

/** What was done to a server: who, when, and how it went. */
export function ActionsTab({ server }: { server: Server }) {
  const { t } = useTranslation(['instance', 'instances']);
  const query = useServerActions(server.id);
  return (
    <Container header={<Header variant="h2">{t('tab.actions')}</Header>}>
      <Loaded query={query}>
        {(actions) =>
          actions.length === 0 ? (
            <Box color="text-body-secondary">{t('noActions')}</Box>
          ) : (
            <SpaceBetween size="xs">
              {actions.map((a, i) => (
                <Entry key={a.request_id} server={server} action={a} first={i === 0} />
              ))}
            </SpaceBetween>
          )
        }
      </Loaded>
    </Container>
  );
}

function Entry({ server, action, first }: { server: Server; action: InstanceAction; first: boolean }) {
  const { t } = useTranslation(['instance', 'instances']);
  const [open, setOpen] = useState(first);
  return (
    <ExpandableSection
      expanded={open}
      onChange={({ detail }) => setOpen(detail.expanded)}
      headerText={t(`action.${action.action}`, { defaultValue: action.action })}
      headerCounter={action.message ? `– ${action.message}` : undefined}
      headerDescription={`${formatTime(action.start_time)} – ${action.request_id}`}
    >
      {open && <Events server={server} action={action} />}
    </ExpandableSection>
  );
}

/** An action that failed has a message; without one it has ended well, or has not ended. */
function Events({ server, action }: { server: Server; action: InstanceAction }) {
  const { t } = useTranslation(['instance', 'instances']);
  const { isAdmin } = useSession();
  const query = useServerAction(server.id, action.request_id);
  const event = (e: ActionEvent) => t(`step.${e.event}`, { defaultValue: e.event });
  return (
    <SpaceBetween size="s">
      <div>
        {t('by')} <Who id={action.user_id} />
      </div>
      {action.message && <StatusIndicator type="error">{action.message}</StatusIndicator>}
      <Loaded query={query}>
        {({ events = [] }) => (
          <Table
            variant="embedded"
            items={events}
            trackBy={(e) => `${e.event} ${e.start_time}`}
            empty={t('noEvents')}
            wrapLines
            ariaLabels={{ tableLabel: t('events') }}
            columnDefinitions={[
              { id: 'event', header: t('event'), isRowHeader: true, cell: event },
              { id: 'result', header: t('result'), cell: (e) => <Result of={e} /> },
              { id: 'start', header: t('starts'), cell: (e) => formatTime(e.start_time) },
              {
                id: 'takes',
                header: t('takes'),
                cell: (e) =>
                  e.finish_time ? formatSeconds((microsOf(e.finish_time) - microsOf(e.start_time)) / 1e6) : '–',
              },
              ...(isAdmin
                ? [{ id: 'host', header: t('instances:host'), cell: (e: ActionEvent) => e.host || '–' }]
                : []),
              {
                id: 'details',
                header: t('details'),
                cell: (e) => <div className="server-text">{e.details || '–'}</div>,
              },
            ]}
          />
        )}
      </Loaded>
    </SpaceBetween>
  );
}

/** The user's name: one's own is known, those of others are for administrators. */
function Who({ id }: { id: string }) {
  const { t } = useTranslation(['instance', 'instances']);
  const { isAdmin, body } = useSession();
  if (!id) return <>{t('theCloud')}</>;
  if (id === body.user.id) return <>{body.user.name}</>;
  return isAdmin ? <UserName id={id} /> : id;
}

function UserName({ id }: { id: string }) {
  return <>{useUser(id).data?.name ?? id}</>;
}
