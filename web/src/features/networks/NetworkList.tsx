import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNetworkQuotas, useNetworks } from '~/api/network';
import { useSession } from '~/app/useSession';
import { Crumbs } from '~/ui/Page';
import { QuotaUse } from '~/ui/QuotaUse';
import { ResourceTable } from '~/ui/ResourceTable';
import { NetworkForm } from './NetworkForm';
import { useNetworkActions } from './useNetworkActions';
import { useNetworkColumns } from './useNetworkColumns';

export default function NetworkList() {
  const { t } = useTranslation('networks');
  const { projectId } = useSession();
  const query = useNetworks(projectId);
  const quotas = useNetworkQuotas(projectId);
  const { actions, dialog } = useNetworkActions();
  const [creating, setCreating] = useState(false);
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
      {t('create')}
    </Button>
  );
  return (
    <>
      <Crumbs trail={[{ text: t('title'), href: '/networks' }]} />
      <ResourceTable
        id="networks"
        title={t('title')}
        description={<QuotaUse query={quotas} resource="network" />}
        query={query}
        columns={useNetworkColumns()}
        actions={actions}
        buttons={create}
        empty={{ title: t('empty'), text: t('emptyText') }}
      />
      {creating && <NetworkForm onClose={() => setCreating(false)} />}
      {dialog}
    </>
  );
}
