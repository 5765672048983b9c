import { useTranslation } from 'react-i18next';
import { useNetworkQuotas } from '~/api/network';
import { type AddressGroup, useAddressGroups } from '~/api/networkSharing';
import { useSession } from '~/app/useSession';
import { useColumns } from '~/ui/columns';
import { ListPage } from '~/ui/ListPage';
import { QuotaUse } from '~/ui/QuotaUse';
import { AddressGroupForm } from './AddressGroupForm';
import { useAddressGroupActions } from './useAddressGroupActions';

export default function AddressGroupList() {
  const { t } = useTranslation('addressgroups');
  const { projectId } = useSession();
  const column = useColumns<AddressGroup>();
  const { actions, dialog } = useAddressGroupActions();
  return (
    <ListPage
      id="address-groups"
      path="/address-groups"
      title={t('title')}
      description={<QuotaUse query={useNetworkQuotas(projectId)} resource="address_group" />}
      query={useAddressGroups(projectId)}
      columns={[
        column.name('/address-groups'),
        column.text('addresses', t('addresses'), (g) => g.addresses.join(', '), { width: 320 }),
        column.flag('shared', t('shared'), (g) => g.shared),
        column.description(),
        column.created(),
        column.id(),
      ]}
      actions={actions}
      create={{ text: t('create'), form: (close) => <AddressGroupForm onClose={close} /> }}
      empty={{ title: t('empty'), text: t('emptyText') }}
      dialog={dialog}
    />
  );
}
