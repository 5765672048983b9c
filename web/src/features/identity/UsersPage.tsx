import { useTranslation } from 'react-i18next';
import { useUsers } from '~/api/identity';
import { ListPage } from '~/ui/ListPage';
import { UserForm } from './UserForm';
import { useUserColumns } from './userColumns';
import { useUserActions } from './useUserActions';

export default function UsersPage() {
  const { t } = useTranslation('identity');
  const { actions, dialog } = useUserActions();
  const title = t('common:nav.items.users');
  return (
    <ListPage
      id="users"
      path="/users"
      title={title}
      query={useUsers()}
      columns={useUserColumns()}
      actions={actions}
      create={{ text: t('user.create'), form: (close) => <UserForm onClose={close} /> }}
      empty={{ title: t('user.empty') }}
      dialog={dialog}
    />
  );
}
