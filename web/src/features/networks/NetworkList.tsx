import { useTranslation } from 'react-i18next';
import { useNetworkQuotas, useNetworks } from '~/api/network';
import { useSession } from '~/app/useSession';
import { ListPage } from '~/ui/ListPage';
import { QuotaUse } from '~/ui/QuotaUse';
import { NetworkForm } from './NetworkForm';
import { useNetworkActions } from './useNetworkActions';
import { useNetworkColumns } from './useNetworkColumns';

export default function NetworkList() {
  const { t } = useTranslation('networks');
  const { projectId } = useSession();
  const query = useNetworks(projectId);
  const quotas = useNetworkQuotas(projectId);
  const { actions, dialog } = useNetworkActions();
  return (
    <ListPage
      id="networks"
      path="/networks"
      title={t('title')}
      description={<QuotaUse query={quotas} resource="network" />}
      query={query}
      columns={useNetworkColumns()}
      actions={actions}
      create={{ text: t('create'), form: (close) => <NetworkForm onClose={close} /> }}
      empty={{ title: t('empty'), text: t('emptyText') }}
      dialog={dialog}
    />
  );
}
