import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Group, useGroupMembers, useUsers } from '~/api/identity';
import { FormModal } from '~/ui/FormModal';
import { MultiField } from '~/ui/fields';
import { ResourceTable } from '~/ui/ResourceTable';
import { addMember, removeMember } from './mutations';
import { useDomainName } from './names';
import { useUserColumns } from './userColumns';

/** The users that are in a group. */
export function GroupMembers({ group }: { group: Group }) {
  const { t } = useTranslation('identity');
  const query = useGroupMembers(group.id);
  const [adding, setAdding] = useState(false);
  return (
    <>
      <ResourceTable
        id="group-members"
        title={t('members')}
        query={query}
        columns={useUserColumns()}
        actions={[
          {
            id: 'remove',
            text: t('group.remove'),
            danger: true,
            question: () => ({ title: t('group.removeTitle'), body: t('group.removeText') }),
            run: (u) => removeMember(group.id, u.id),
          },
        ]}
        buttons={
          <Button onClick={() => setAdding(true)} data-testid="add-members">
            {t('group.addMembers')}
          </Button>
        }
        empty={{ title: t('group.noMembers') }}
      />
      {adding && <AddMembers group={group} has={query.data?.map((u) => u.id) ?? []} onClose={() => setAdding(false)} />}
    </>
  );
}

function AddMembers({ group, has, onClose }: { group: Group; has: string[]; onClose(): void }) {
  const { t } = useTranslation('identity');
  const domain = useDomainName();
  const form = useForm({ mode: 'onChange', defaultValues: { users: [] as string[] } });
  const options = (useUsers().data ?? [])
    .filter((u) => !has.includes(u.id))
    .map((u) => ({ value: u.id, label: u.name, description: domain(u.domain_id) }));
  return (
    <FormModal
      title={t('group.addMembers')}
      submitLabel={t('add')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ users }) => {
        await Promise.all(users.map((user) => addMember(group.id, user)));
      }}
    >
      <MultiField control={form.control} name="users" label={t('common:nav.items.users')} options={options} min={1} />
    </FormModal>
  );
}
