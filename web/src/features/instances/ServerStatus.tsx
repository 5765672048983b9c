import Popover from '@cloudscape-design/components/popover';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { formatTime } from '~/ui/format';
import { Status } from '~/ui/Status';

/** How a server is, what is being done to it, and, when it failed, why. */
export function ServerStatus({ server }: { server: Server }) {
  const { t } = useTranslation('instances');
  const task = server['OS-EXT-STS:task_state'];
  const { fault } = server;
  // What is being done says more than what it is being done to, and there is no room for both.
  const status = task ? (
    <StatusIndicator type="in-progress">{t(`task.${task}`, { defaultValue: task })}</StatusIndicator>
  ) : (
    <Status value={server.status} />
  );
  if (!fault) return status;
  return (
    <Popover
      header={t('fault')}
      size="large"
      triggerType="text"
      dismissAriaLabel={t('common:close')}
      content={
        <>
          <div>{fault.message}</div>
          {fault.details && <div className="fault-details">{fault.details}</div>}
          <small>{formatTime(fault.created)}</small>
        </>
      }
    >
      {status}
    </Popover>
  );
}
