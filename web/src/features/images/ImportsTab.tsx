import { useTranslation } from 'react-i18next';
import { type Image, type ImageTask, useImageTasks } from '~/api/image';
import { formatTime } from '~/ui/format';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { TaskStatus } from './TaskStatus';

/** How the imports of an image went, and why one failed. */
export function ImportsTab({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const query = useImageTasks(image.id, image.status === 'importing' ? 2_000 : false);
  const columns: Column<ImageTask>[] = [
    {
      id: 'name',
      header: t('common:statusLabel'),
      cell: (task) => <TaskStatus status={task.status} />,
      value: (task) => t(`task.${task.status}`),
      width: 160,
    },
    {
      id: 'message',
      header: t('message'),
      cell: (task) => task.message || '–',
      value: (task) => task.message,
      width: 360,
    },
    {
      id: 'source',
      header: t('source'),
      cell: (task) => task.input?.import_req?.method?.uri ?? task.input?.import_req?.method?.name ?? '–',
      value: (task) => task.input?.import_req?.method?.uri ?? '',
      width: 300,
    },
    {
      id: 'created',
      header: t('begun'),
      cell: (task) => formatTime(task.created_at),
      value: (task) => task.created_at,
    },
    {
      id: 'updated',
      header: t('common:updated'),
      cell: (task) => formatTime(task.updated_at),
      value: (task) => task.updated_at,
    },
  ];
  return (
    <ResourceTable
      id="imports"
      title={t('tab.imports')}
      query={query}
      columns={columns}
      empty={{ title: t('noImports') }}
    />
  );
}
