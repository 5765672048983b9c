import Alert from '@cloudscape-design/components/alert';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { useSession } from '~/app/useSession';
import { formatTime } from '~/ui/format';
import { Go } from '~/ui/Go';
import { failureOf } from './failure';
import { useCreation } from './useCreation';
import './instance.css';

/** Why a server failed, what that means, and what can be done. */
export function FaultAlert({ server, fault }: { server: Server; fault: NonNullable<Server['fault']> }) {
  const { t } = useTranslation('instance');
  const { isAdmin } = useSession();
  const { action } = useCreation(server);
  const neverRan = !server['OS-SRV-USG:launched_at'];
  const failure = failureOf(fault.message, neverRan ? action.data?.events : []);
  return (
    <Alert type="error" header={t('failure.title', { message: fault.message })} data-testid="fault">
      <SpaceBetween size="xs">
        <div>{t(`failure.${failure}.means`)}</div>
        <div>
          <b>{t('failure.toDo')}</b> {t(`failure.${failure}.mend`)}
          {failure === 'noHost' && isAdmin && ` ${t('failure.noHost.mendAdmin')}`}
        </div>
        {neverRan && <div>{t('failure.neverRan')}</div>}
        <div>
          <Go to={`/instances/${server.id}?tab=way`}>{t('failure.seeWay')}</Go>
        </div>
        <small>{formatTime(fault.created)}</small>
        {fault.details && (
          <ExpandableSection headerText={t('failure.details')}>
            <div className="server-text">{fault.details}</div>
          </ExpandableSection>
        )}
      </SpaceBetween>
    </Alert>
  );
}
