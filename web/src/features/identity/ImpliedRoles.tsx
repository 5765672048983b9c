import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Role, useInferences, useRoles } from '~/api/identity';
import { FormModal } from '~/ui/FormModal';
import { MultiField } from '~/ui/fields';
import { Go } from '~/ui/Go';
import { ResourceTable } from '~/ui/ResourceTable';
import { imply, unimply } from './mutations';

/** The roles that come with a role. */
export function ImpliedRoles({ role }: { role: Role }) {
  const { t } = useTranslation('identity');
  const inferences = useInferences();
  const [adding, setAdding] = useState(false);
  const rows = inferences.data
    ?.filter((i) => i.prior_role.id === role.id)
    .flatMap((i) => i.implies)
    .map((r) => ({ id: r.id, name: r.name ?? r.id }));
  return (
    <>
      <ResourceTable
        id="implied-roles"
        title={t('role.implies')}
        description={t('role.impliesText')}
        query={{ ...inferences, data: rows }}
        columns={[
          {
            id: 'name',
            header: t('grant.role'),
            cell: (r) => <Go to={`/roles/${r.id}`}>{r.name}</Go>,
            value: (r) => r.name,
          },
        ]}
        actions={[
          {
            id: 'remove',
            text: t('role.unimply'),
            danger: true,
            question: (items) => ({
              title: t('role.unimplyTitle', { count: items.length, name: items[0]?.name, prior: role.name }),
              body: t('role.unimplyText', { prior: role.name }),
            }),
            run: (r) => unimply(role.id, r.id),
          },
        ]}
        buttons={
          <Button onClick={() => setAdding(true)} data-testid="imply">
            {t('role.imply')}
          </Button>
        }
        empty={{ title: t('role.impliesNone') }}
      />
      {adding && <ImplyForm role={role} has={rows?.map((r) => r.id) ?? []} onClose={() => setAdding(false)} />}
    </>
  );
}

function ImplyForm({ role, has, onClose }: { role: Role; has: string[]; onClose(): void }) {
  const { t } = useTranslation('identity');
  const form = useForm({ mode: 'onChange', defaultValues: { roles: [] as string[] } });
  // The API lets nothing imply admin.
  const options = (useRoles().data ?? [])
    .filter((r) => r.id !== role.id && r.name !== 'admin' && !has.includes(r.id))
    .map((r) => ({ value: r.id, label: r.name, description: r.description ?? undefined }));
  return (
    <FormModal
      title={t('role.implyTitle', { name: role.name })}
      submitLabel={t('add')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ roles }) => {
        await Promise.all(roles.map((implied) => imply(role.id, implied)));
      }}
    >
      <MultiField control={form.control} name="roles" label={t('grant.roles')} options={options} min={1} />
    </FormModal>
  );
}
