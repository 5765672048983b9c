import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type Migration, useMigrations, useServers } from '~/api/compute';
import { useProjectName, useUserName } from '~/features/identity/names';
import { formatTime, shortId } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';

type Row = Omit<Migration, 'id'> & { id: string; name: string; there: boolean };

const types: Record<string, StatusIndicatorProps.Type> = {
  completed: 'success',
  confirmed: 'success',
  done: 'success',
  error: 'error',
  failed: 'error',
  finished: 'warning',
  reverted: 'stopped',
  cancelled: 'stopped',
};

/** Moves of instances between hosts, and changes of their sizes. */
export default function MigrationsPage() {
  const { t } = useTranslation('admin');
  const query = useMigrations();
  const servers = useServers(true).data;
  const project = useProjectName();
  const user = useUserName();
  const names = useMemo(() => new Map((servers ?? []).map((s) => [s.id, s.name])), [servers]);
  const rows = query.data?.map((m): Row => {
    const name = names.get(m.instance_uuid);
    return { ...m, id: m.uuid, name: name ?? `(${shortId(m.instance_uuid)})`, there: name !== undefined };
  });
  const kind = (m: Row) => t(`migrations.kind.${m.migration_type}`, { defaultValue: m.migration_type });
  const status = (m: Row) => t(`migrations.status.${m.status}`, { defaultValue: m.status });
  const columns: Column<Row>[] = [
    {
      id: 'name',
      header: t('usage.instance'),
      cell: (m) => (m.there ? <Go to={`/instances/${m.instance_uuid}`}>{m.name}</Go> : m.name),
      value: (m) => m.name,
      width: 200,
    },
    { id: 'kind', header: t('migrations.what'), cell: kind, value: kind, width: 140 },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (m) => <StatusIndicator type={types[m.status] ?? 'in-progress'}>{status(m)}</StatusIndicator>,
      value: status,
      width: 170,
    },
    {
      id: 'from',
      header: t('migrations.from'),
      cell: (m) => m.source_compute,
      value: (m) => m.source_compute,
      width: 130,
    },
    {
      id: 'to',
      header: t('migrations.to'),
      cell: (m) => m.dest_compute ?? '–',
      value: (m) => m.dest_compute,
      width: 130,
    },
    {
      id: 'project',
      header: t('common:project'),
      cell: (m) => project(m.project_id),
      value: (m) => project(m.project_id),
      width: 140,
    },
    {
      id: 'user',
      header: t('common:user'),
      cell: (m) => user(m.user_id),
      value: (m) => user(m.user_id),
      width: 120,
      visible: false,
    },
    {
      id: 'created',
      header: t('migrations.begun'),
      cell: (m) => formatTime(m.created_at),
      value: (m) => m.created_at,
      width: 190,
    },
    {
      id: 'updated',
      header: t('common:updated'),
      cell: (m) => formatTime(m.updated_at),
      value: (m) => m.updated_at,
      width: 190,
      visible: false,
    },
    { id: 'id', header: t('common:id'), cell: (m) => m.id, value: (m) => m.id, width: 310, visible: false },
  ];
  const title = t('common:nav.items.migrations');
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/migrations' }]} />
      <ResourceTable
        id="migrations"
        title={title}
        description={t('migrations.about')}
        query={{ ...query, data: rows }}
        columns={columns}
        empty={{ title: t('migrations.empty'), text: t('migrations.emptyText') }}
      />
    </>
  );
}
