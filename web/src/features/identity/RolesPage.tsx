import Button from '@cloudscape-design/components/button';
import Select from '@cloudscape-design/components/select';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Role, useDomains, useInferences, useRoles } from '~/api/identity';
import { useColumns } from '~/ui/columns';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { YesNo } from '~/ui/Status';
import { RoleForm } from './RoleForm';
import { useRoleActions } from './useRoleActions';

export default function RolesPage() {
  const { t } = useTranslation('identity');
  const column = useColumns();
  const [domain, setDomain] = useState('');
  const domains = useDomains();
  const inferences = useInferences();
  const { actions, dialog } = useRoleActions();
  const [creating, setCreating] = useState(false);
  const title = t('common:nav.items.roles');
  const implied = (r: Role) =>
    inferences.data
      ?.find((i) => i.prior_role.id === r.id)
      ?.implies.map((i) => i.name)
      .join(', ') ?? '';
  const columns: Column<Role>[] = [
    column.name('/roles'),
    column.id(true),
    { id: 'implies', header: t('role.implies'), cell: (r) => implied(r) || '–', value: implied },
    {
      id: 'immutable',
      header: t('role.immutable'),
      cell: (r) => <YesNo value={r.options?.immutable ?? false} />,
      value: (r) => r.options?.immutable ?? false,
    },
    column.description(),
  ];
  const everywhere = { value: '', label: t('role.everywhere') };
  const places = [
    everywhere,
    ...(domains.data ?? []).map((d) => ({ value: d.id, label: t('role.ofDomain', { name: d.name }) })),
  ];
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/roles' }]} />
      <ResourceTable
        key={domain}
        id="roles"
        title={title}
        query={useRoles(domain)}
        columns={columns}
        actions={actions}
        buttons={
          <>
            <Select
              ariaLabel={t('role.where')}
              selectedOption={places.find((p) => p.value === domain) ?? everywhere}
              options={places}
              onChange={({ detail }) => setDomain(detail.selectedOption.value ?? '')}
            />
            <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
              {t('role.create')}
            </Button>
          </>
        }
        empty={{ title: t('role.empty') }}
      />
      {creating && <RoleForm domain={domain} onClose={() => setCreating(false)} />}
      {dialog}
    </>
  );
}
