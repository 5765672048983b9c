import { useTranslation } from 'react-i18next';
import { type Image, type ImageTask, useImageTasks } from '~/api/image';
import { formatTime } from '~/ui/format';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';

const statuses: Record<ImageTask['status'], string> = {
  pending: 'PENDING',
  processing: 'IMPORTING',
  success: 'OK',
  failure: 'ERROR',
};

/** Imports of an image's data: how far they are, and why they failed. */
export function ImportsTab({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const query = useImageTasks(image.id, image.status === 'importing');
  const columns: Column<ImageTask>[] = [
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (task) => <Status value={statuses[task.status]} />,
      value: (task) => task.status,
      width: 140,
    },
    {
      id: 'message',
      header: t('imports.message'),
      cell: (task) => task.message || '–',
      value: (task) => task.message,
      width: 380,
    },
    {
      id: 'from',
      header: t('imports.from'),
      cell: (task) => task.input?.import_req?.method?.uri ?? task.input?.import_req?.method?.name ?? '–',
      value: (task) => task.input?.import_req?.method?.uri,
      width: 320,
    },
    {
      id: 'created',
      header: t('common:created'),
      cell: (task) => formatTime(task.created_at),
      value: (task) => task.created_at,
      width: 200,
    },
    {
      id: 'updated',
      header: t('common:updated'),
      cell: (task) => formatTime(task.updated_at),
      value: (task) => task.updated_at,
      width: 200,
    },
  ];
  return (
    <ResourceTable
      id="image-imports"
      title={t('imports.label')}
      query={query}
      columns={columns}
      empty={{ title: t('imports.empty') }}
    />
  );
}
