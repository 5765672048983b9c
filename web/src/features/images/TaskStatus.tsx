import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useTranslation } from 'react-i18next';
import type { ImageTask } from '~/api/image';

const types = { pending: 'pending', processing: 'in-progress', success: 'success', failure: 'error' } as const;

/** How a task of the image service stands. */
export function TaskStatus({ status }: Pick<ImageTask, 'status'>) {
  const { t } = useTranslation('images');
  return <StatusIndicator type={types[status]}>{t(`task.${status}`)}</StatusIndicator>;
}
