import { useTranslation } from 'react-i18next';
import { type ResourceProvider, useProviders } from '~/api/placement';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';

type Row = ResourceProvider & { id: string };

/** What the scheduler gives instances resources of: hosts, and what they are divided into. */
export default function ProvidersPage() {
  const { t } = useTranslation('admin');
  const query = useProviders();
  const name = (id: string | null) => query.data?.find((p) => p.uuid === id)?.name ?? id ?? '–';
  const columns: Column<Row>[] = [
    {
      id: 'name',
      header: t('common:name'),
      cell: (p) => <Go to={`/resource-providers/${p.uuid}`}>{p.name}</Go>,
      value: (p) => p.name,
    },
    {
      id: 'parent',
      header: t('placement.parent'),
      cell: (p) => name(p.parent_provider_uuid),
      value: (p) => name(p.parent_provider_uuid),
    },
    {
      id: 'generation',
      header: t('placement.generation'),
      cell: (p) => p.generation,
      value: (p) => p.generation,
    },
    { id: 'id', header: t('common:id'), cell: (p) => p.uuid, value: (p) => p.uuid, width: 320 },
  ];
  const title = t('common:nav.items.placement');
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/resource-providers' }]} />
      <ResourceTable
        id="providers"
        title={title}
        description={t('placement.about')}
        query={query}
        columns={columns}
        empty={{ title: t('placement.empty'), text: t('placement.emptyText') }}
      />
    </>
  );
}
