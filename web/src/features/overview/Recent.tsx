import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import { useQueries } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { type InstanceAction, type Server, serverActionsQuery, useServers } from '~/api/compute';
import { formatAge, formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { newestActions, newestServers } from './recent';

/** What was last done to the instances that changed last. */
export function Recent() {
  const { t } = useTranslation('overview');
  return (
    <Container header={<Header variant="h2">{t('recent.title')}</Header>}>
      <Loaded query={useServers()}>{(servers) => <Actions servers={newestServers(servers)} />}</Loaded>
    </Container>
  );
}

function Actions({ servers }: { servers: Server[] }) {
  const { t, i18n } = useTranslation(['overview', 'instance']);
  const asked = useQueries({ queries: servers.map((s) => serverActionsQuery(s.id)) });
  const found = newestActions(
    servers,
    asked.map((q) => q.data ?? []),
  );
  if (found.length === 0) {
    return <Box>{t(asked.some((q) => q.isPending) ? 'common:loading' : 'recent.none')}</Box>;
  }
  const words = ({ action }: InstanceAction) =>
    i18n.exists(`instance:action.${action}`) ? t(`instance:action.${action}`) : action;
  return (
    <ul className="recent">
      {found.map(({ server, action }) => (
        <li key={action.request_id}>
          {words(action)} · <Go to={`/instances/${server.id}`}>{nameOf(server)}</Go> ·{' '}
          <span title={formatTime(action.start_time)}>{formatAge(action.start_time)}</span>
          {action.message && ` · ${action.message}`}
        </li>
      ))}
    </ul>
  );
}
