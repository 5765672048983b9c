import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Domain, useDomains } from '~/api/identity';
import { Copyable } from '~/ui/Copyable';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { DomainForm } from './DomainForm';
import { EnabledStatus } from './EnabledStatus';
import { useDomainActions } from './useDomainActions';

export default function DomainsPage() {
  const { t } = useTranslation('identity');
  const { actions, dialog } = useDomainActions();
  const [creating, setCreating] = useState(false);
  const title = t('common:nav.items.domains');
  const columns: Column<Domain>[] = [
    {
      id: 'name',
      header: t('common:name'),
      cell: (d) => <Go to={`/domains/${d.id}`}>{d.name}</Go>,
      value: (d) => d.name,
    },
    { id: 'id', header: t('common:id'), cell: (d) => <Copyable text={d.id} />, value: (d) => d.id, width: 300 },
    {
      id: 'enabled',
      header: t('common:statusLabel'),
      cell: (d) => <EnabledStatus value={d.enabled} />,
      value: (d) => t(d.enabled ? 'common:status.ENABLED' : 'common:status.DISABLED'),
    },
    {
      id: 'description',
      header: t('common:description'),
      cell: (d) => d.description || '–',
      value: (d) => d.description,
      width: 300,
    },
  ];
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/domains' }]} />
      <ResourceTable
        id="domains"
        title={title}
        query={useDomains()}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
            {t('domain.create')}
          </Button>
        }
        empty={{ title: t('domain.empty') }}
      />
      {creating && <DomainForm onClose={() => setCreating(false)} />}
      {dialog}
    </>
  );
}
