import { useTranslation } from 'react-i18next';
import { type AddressScope, useAddressScopes, useSubnetPools } from '~/api/networkSharing';
import { useSession } from '~/app/useSession';
import { useColumns } from '~/ui/columns';
import { nameOf } from '~/ui/format';
import { ListPage } from '~/ui/ListPage';
import { ScopeForm } from './ScopeForm';
import { useScopeActions } from './useScopeActions';

export default function ScopeList() {
  const { t } = useTranslation('subnetpools');
  const { projectId } = useSession();
  const column = useColumns<AddressScope>();
  const { actions, dialog } = useScopeActions();
  const pools = useSubnetPools(projectId).data ?? [];
  const poolsOf = (s: AddressScope) =>
    pools
      .filter((p) => p.address_scope_id === s.id)
      .map(nameOf)
      .join(', ');
  return (
    <ListPage
      id="address-scopes"
      path="/address-scopes"
      title={t('scopes.title')}
      description={t('scopes.about')}
      query={useAddressScopes(projectId)}
      columns={[
        column.name('/address-scopes'),
        column.text('version', t('version'), (s) => `IPv${s.ip_version}`, { width: 130 }),
        column.text('pools', t('title'), poolsOf, { width: 280 }),
        column.flag('shared', t('sharedColumn'), (s) => s.shared),
        column.id(),
      ]}
      actions={actions}
      create={{ text: t('scopes.create'), form: (close) => <ScopeForm onClose={close} /> }}
      empty={{ title: t('scopes.empty'), text: t('scopes.emptyText') }}
      dialog={dialog}
    />
  );
}
