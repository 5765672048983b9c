import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Role, useRole } from '~/api/identity';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { YesNo } from '~/ui/Status';
import { useTab } from '~/ui/useTab';
import { Assignments } from './Assignments';
import { ImpliedRoles } from './ImpliedRoles';
import { useDomainName } from './names';
import { useRoleActions } from './useRoleActions';

export default function RolePage() {
  const { t } = useTranslation('identity');
  const { id = '' } = useParams();
  const query = useRole(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.roles'), href: '/roles' },
          { text: query.data?.name ?? id, href: `/roles/${id}` },
        ]}
      />
      <Loaded query={query}>{(role) => <Details role={role} />}</Loaded>
    </>
  );
}

function Details({ role }: { role: Role }) {
  const { t } = useTranslation('identity');
  const navigate = useNavigate();
  const domain = useDomainName();
  const { actions, dialog } = useRoleActions(() => navigate('/roles'));
  const [tab, setTab] = useTab('assignments');
  return (
    <SpaceBetween size="l">
      <Header variant="h1" description={role.description} actions={<ActionButtons actions={actions} items={[role]} />}>
        {role.name}
      </Header>
      <Container>
        <KeyValuePairs
          columns={3}
          items={[
            { label: t('common:id'), value: <Copyable text={role.id} /> },
            { label: t('common:domain'), value: role.domain_id ? domain(role.domain_id) : t('role.everywhere') },
            { label: t('role.immutable'), value: <YesNo value={role.options?.immutable ?? false} /> },
          ]}
        />
      </Container>
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={[
          {
            id: 'assignments',
            label: t('role.assignments'),
            content: (
              <Assignments
                id="role-assignments"
                title={t('role.assignments')}
                filter={{ 'role.id': role.id }}
                fixed={{ role: role.id }}
              />
            ),
          },
          { id: 'implied', label: t('role.implies'), content: <ImpliedRoles role={role} /> },
        ]}
      />
      {dialog}
    </SpaceBetween>
  );
}
