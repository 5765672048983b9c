import { useTranslation } from 'react-i18next';
import { type EndpointGroup, useEndpointGroups } from '~/api/endpointGroups';
import { useColumns } from '~/ui/columns';
import { ListTable } from '~/ui/ListPage';
import { EndpointGroupForm } from './EndpointGroupForm';
import { useEndpointGroupActions } from './useEndpointGroupActions';
import { useFilterWords } from './useFilterWords';

/** Endpoints that projects can be given, by what they have in common. */
export function EndpointGroups() {
  const { t } = useTranslation('catalog');
  const column = useColumns<EndpointGroup>();
  const words = useFilterWords();
  const { actions, dialog } = useEndpointGroupActions();
  return (
    <ListTable<EndpointGroup>
      id="endpoint-groups"
      title={t('groups')}
      description={t('groupsText')}
      query={useEndpointGroups()}
      columns={[
        column.name('/catalog'),
        column.text('service', t('service'), (g) => words(g).service),
        column.text('region', t('common:region'), (g) => words(g).region),
        column.text('interface', t('interface'), (g) => words(g).kind),
        column.description(),
        column.id(),
      ]}
      actions={actions}
      create={{ text: t('addGroup'), form: (close) => <EndpointGroupForm onClose={close} /> }}
      empty={{ title: t('noGroups'), text: t('noGroupsText') }}
      dialog={dialog}
    />
  );
}
