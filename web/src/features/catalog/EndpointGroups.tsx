import { useTranslation } from 'react-i18next';
import { type EndpointGroup, useEndpointGroups } from '~/api/endpointGroups';
import { ListTable } from '~/ui/ListPage';
import { EndpointGroupForm } from './EndpointGroupForm';
import { useEndpointGroupActions } from './useEndpointGroupActions';
import { useGroupColumns } from './useGroupColumns';

/** Endpoints that projects can be given, by what they have in common. */
export function EndpointGroups() {
  const { t } = useTranslation('catalog');
  const { actions, dialog } = useEndpointGroupActions();
  return (
    <ListTable<EndpointGroup>
      id="endpoint-groups"
      title={t('groups')}
      description={t('groupsText')}
      query={useEndpointGroups()}
      columns={useGroupColumns()}
      actions={actions}
      create={{ text: t('addGroup'), form: (close) => <EndpointGroupForm onClose={close} /> }}
      empty={{ title: t('noGroups'), text: t('noGroupsText') }}
      dialog={dialog}
    />
  );
}
