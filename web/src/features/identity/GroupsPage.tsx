import { useTranslation } from 'react-i18next';
import { useGroups } from '~/api/identity';
import { ListPage } from '~/ui/ListPage';
import { GroupForm } from './GroupForm';
import { useGroupColumns } from './groupColumns';
import { useGroupActions } from './useGroupActions';

export default function GroupsPage() {
  const { t } = useTranslation('identity');
  const { actions, dialog } = useGroupActions();
  const title = t('common:nav.items.groups');
  return (
    <ListPage
      id="groups"
      path="/groups"
      title={title}
      query={useGroups()}
      columns={useGroupColumns()}
      actions={actions}
      create={{ text: t('group.create'), form: (close) => <GroupForm onClose={close} /> }}
      empty={{ title: t('group.empty'), text: t('group.emptyText') }}
      dialog={dialog}
    />
  );
}
