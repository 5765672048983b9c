import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useGroups } from '~/api/identity';
import { Crumbs } from '~/ui/Page';
import { ResourceTable } from '~/ui/ResourceTable';
import { GroupForm } from './GroupForm';
import { useGroupColumns } from './groupColumns';
import { useGroupActions } from './useGroupActions';

export default function GroupsPage() {
  const { t } = useTranslation('identity');
  const { actions, dialog } = useGroupActions();
  const [creating, setCreating] = useState(false);
  const title = t('common:nav.items.groups');
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/groups' }]} />
      <ResourceTable
        id="groups"
        title={title}
        query={useGroups()}
        columns={useGroupColumns()}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
            {t('group.create')}
          </Button>
        }
        empty={{ title: t('group.empty'), text: t('group.emptyText') }}
      />
      {creating && <GroupForm onClose={() => setCreating(false)} />}
      {dialog}
    </>
  );
}
