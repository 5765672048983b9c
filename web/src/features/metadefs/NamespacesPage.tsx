import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Namespace, useNamespaces } from '~/api/metadef';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { YesNo } from '~/ui/Status';
import { ImportForm } from './ImportForm';
import { NamespaceForm } from './NamespaceForm';
import { type Row, rowOf, useNamespaceActions } from './useNamespaceActions';

/** What images, flavors and other things can be told beside what they are: names of properties and what they mean. */
export default function NamespacesPage() {
  const { t } = useTranslation('metadefs');
  const query = useNamespaces();
  const { actions, dialog } = useNamespaceActions();
  const [making, setMaking] = useState<'' | 'create' | 'import'>('');
  const close = () => setMaking('');
  const title = t('common:nav.items.metadefs');
  const types = (n: Namespace) => (n.resource_type_associations ?? []).map((a) => a.name).join(', ');
  const columns: Column<Row>[] = [
    {
      id: 'name',
      header: t('namespace'),
      cell: (n) => <Go to={`/metadefs/${encodeURIComponent(n.namespace)}`}>{n.namespace}</Go>,
      value: (n) => n.namespace,
      width: 260,
    },
    {
      id: 'display',
      header: t('displayName'),
      cell: (n) => n.display_name || '–',
      value: (n) => n.display_name,
      width: 220,
    },
    { id: 'types', header: t('types.label'), cell: (n) => types(n) || '–', value: types, width: 280 },
    {
      id: 'visibility',
      header: t('visibility'),
      cell: (n) => t(n.visibility),
      value: (n) => t(n.visibility),
      width: 120,
    },
    {
      id: 'protected',
      header: t('protected'),
      cell: (n) => <YesNo value={n.protected} />,
      value: (n) => t(n.protected ? 'common:yes' : 'common:no'),
      width: 120,
    },
  ];
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/metadefs' }]} />
      <ResourceTable
        id="metadefs"
        title={title}
        description={t('about')}
        query={{ ...query, data: query.data?.map(rowOf) }}
        columns={columns}
        actions={actions}
        buttons={
          <>
            <Button onClick={() => setMaking('import')} data-testid="import">
              {t('import.action')}
            </Button>
            <Button variant="primary" onClick={() => setMaking('create')} data-testid="create">
              {t('create')}
            </Button>
          </>
        }
        empty={{ title: t('empty'), text: t('emptyText') }}
      />
      {making === 'create' && <NamespaceForm onClose={close} />}
      {making === 'import' && <ImportForm onClose={close} />}
      {dialog}
    </>
  );
}
