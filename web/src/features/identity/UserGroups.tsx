import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type User, useGroups, useUserGroups } from '~/api/identity';
import { FormModal } from '~/ui/FormModal';
import { MultiField } from '~/ui/fields';
import { ResourceTable } from '~/ui/ResourceTable';
import { useGroupColumns } from './groupColumns';
import { addMember, removeMember } from './mutations';
import { useDomainName } from './names';

/** The groups that a user is in. */
export function UserGroups({ user }: { user: User }) {
  const { t } = useTranslation('identity');
  const query = useUserGroups(user.id);
  const [adding, setAdding] = useState(false);
  return (
    <>
      <ResourceTable
        id="user-groups"
        title={t('common:nav.items.groups')}
        query={query}
        columns={useGroupColumns()}
        actions={[
          {
            id: 'remove',
            text: t('group.remove'),
            danger: true,
            question: () => ({ title: t('group.removeTitle'), body: t('group.removeText') }),
            run: (g) => removeMember(g.id, user.id),
          },
        ]}
        buttons={
          <Button onClick={() => setAdding(true)} data-testid="add-to-group">
            {t('group.addTo')}
          </Button>
        }
        empty={{ title: t('user.noGroups') }}
      />
      {adding && <AddToGroups user={user} has={query.data?.map((g) => g.id) ?? []} onClose={() => setAdding(false)} />}
    </>
  );
}

function AddToGroups({ user, has, onClose }: { user: User; has: string[]; onClose(): void }) {
  const { t } = useTranslation('identity');
  const domain = useDomainName();
  const form = useForm({ mode: 'onChange', defaultValues: { groups: [] as string[] } });
  const options = (useGroups().data ?? [])
    .filter((g) => !has.includes(g.id))
    .map((g) => ({ value: g.id, label: g.name, description: domain(g.domain_id) }));
  return (
    <FormModal
      title={t('group.addTo')}
      submitLabel={t('add')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ groups }) => {
        await Promise.all(groups.map((group) => addMember(group, user.id)));
      }}
    >
      <MultiField control={form.control} name="groups" label={t('common:nav.items.groups')} options={options} min={1} />
    </FormModal>
  );
}
