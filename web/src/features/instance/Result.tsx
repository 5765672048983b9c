import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useTranslation } from 'react-i18next';
import type { ActionEvent } from '~/api/compute';

/** How an event of an action ended. */
export function Result({ of: event }: { of: Pick<ActionEvent, 'result' | 'finish_time'> }) {
  const { t } = useTranslation('instance');
  if (event.result === 'Success') return <StatusIndicator type="success">{t('succeeded')}</StatusIndicator>;
  if (event.result === 'Error') return <StatusIndicator type="error">{t('eventFailed')}</StatusIndicator>;
  return <StatusIndicator type="in-progress">{t('running')}</StatusIndicator>;
}
