import { useTranslation } from 'react-i18next';
import { useNetworkQuotas } from '~/api/network';
import { type SubnetPool, useAddressScopes, useSubnetPools } from '~/api/networkSharing';
import { useSession } from '~/app/useSession';
import { useColumns } from '~/ui/columns';
import { nameOf } from '~/ui/format';
import { ListPage } from '~/ui/ListPage';
import { QuotaUse } from '~/ui/QuotaUse';
import { PoolForm } from './PoolForm';
import { usePoolActions } from './usePoolActions';

export default function PoolList() {
  const { t } = useTranslation('subnetpools');
  const { projectId } = useSession();
  const column = useColumns<SubnetPool>();
  const { actions, dialog } = usePoolActions();
  const quotas = useNetworkQuotas(projectId);
  const scopes = useAddressScopes(projectId).data ?? [];
  const scopeOf = (p: SubnetPool) => {
    const scope = scopes.find((s) => s.id === p.address_scope_id);
    return scope ? nameOf(scope) : p.address_scope_id;
  };
  return (
    <ListPage
      id="subnetpools"
      path="/subnet-pools"
      title={t('title')}
      description={<QuotaUse query={quotas} resource="subnetpool" />}
      query={useSubnetPools(projectId)}
      columns={[
        column.name('/subnet-pools', 180),
        column.text('prefixes', t('prefixes'), (p) => p.prefixes.join(', '), { width: 240 }),
        column.text('usual', t('usual'), (p) => `/${p.default_prefixlen}`, { width: 160 }),
        column.text('lengths', t('lengths'), (p) => `/${p.min_prefixlen} – /${p.max_prefixlen}`, { width: 150 }),
        column.text('scope', t('scope'), scopeOf),
        column.flag('shared', t('sharedColumn'), (p) => p.shared),
        column.flag('default', t('default'), (p) => p.is_default),
        column.text('quota', t('quota'), (p) => p.default_quota || t('noQuota'), { visible: false }),
        { ...column.description(), visible: false },
        column.tags(),
        column.created(),
        column.id(),
      ]}
      actions={actions}
      create={{ text: t('create'), form: (close) => <PoolForm onClose={close} /> }}
      empty={{ title: t('empty'), text: t('emptyText') }}
      dialog={dialog}
    />
  );
}
