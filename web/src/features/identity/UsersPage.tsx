import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useUsers } from '~/api/identity';
import { Crumbs } from '~/ui/Page';
import { ResourceTable } from '~/ui/ResourceTable';
import { UserForm } from './UserForm';
import { useUserColumns } from './userColumns';
import { useUserActions } from './useUserActions';

export default function UsersPage() {
  const { t } = useTranslation('identity');
  const { actions, dialog } = useUserActions();
  const [creating, setCreating] = useState(false);
  const title = t('common:nav.items.users');
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/users' }]} />
      <ResourceTable
        id="users"
        title={title}
        query={useUsers()}
        columns={useUserColumns()}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
            {t('user.create')}
          </Button>
        }
        empty={{ title: t('user.empty') }}
      />
      {creating && <UserForm onClose={() => setCreating(false)} />}
      {dialog}
    </>
  );
}
