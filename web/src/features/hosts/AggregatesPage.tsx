import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAggregates } from '~/api/compute';
import { formatTime } from '~/ui/format';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { AggregateForm } from './AggregateForm';
import { type AggregateRow, ownMetadata, rowOf, useAggregateActions } from './useAggregateActions';

export default function AggregatesPage() {
  const { t } = useTranslation('hosts');
  const query = useAggregates();
  const { actions, dialog } = useAggregateActions();
  const [creating, setCreating] = useState(false);
  const title = t('common:nav.items.aggregates');
  const metadata = (a: AggregateRow) =>
    Object.entries(ownMetadata(a))
      .map(([key, value]) => `${key}=${value}`)
      .join(', ');
  const columns: Column<AggregateRow>[] = [
    { id: 'name', header: t('common:name'), cell: (a) => a.name, value: (a) => a.name },
    {
      id: 'zone',
      header: t('zone'),
      cell: (a) => a.availability_zone ?? '–',
      value: (a) => a.availability_zone,
    },
    {
      id: 'hosts',
      header: t('hosts'),
      cell: (a) => a.hosts.join(', ') || '–',
      value: (a) => a.hosts.join(', '),
    },
    { id: 'metadata', header: t('metadata'), cell: (a) => metadata(a) || '–', value: metadata, width: 300 },
    { id: 'created', header: t('common:created'), cell: (a) => formatTime(a.created_at), value: (a) => a.created_at },
  ];
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/aggregates' }]} />
      <ResourceTable
        id="aggregates"
        title={title}
        query={{ ...query, data: query.data?.map(rowOf) }}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
            {t('aggregate.create')}
          </Button>
        }
        empty={{ title: t('aggregate.empty'), text: t('aggregate.emptyText') }}
      />
      {creating && <AggregateForm onClose={() => setCreating(false)} />}
      {dialog}
    </>
  );
}
