import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Tabs from '@cloudscape-design/components/tabs';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type User, useUser } from '~/api/identity';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { formatTime, parseTime } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { useTab } from '~/ui/useTab';
import { Assignments } from './Assignments';
import { EnabledStatus } from './EnabledStatus';
import { useDomainName, useProjectName } from './names';
import { UserGroups } from './UserGroups';
import { optionsOf } from './userOptions';
import { useUserActions } from './useUserActions';

export default function UserPage() {
  const { t } = useTranslation('identity');
  const { id = '' } = useParams();
  const query = useUser(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.users'), href: '/users' },
          { text: query.data?.name ?? id, href: `/users/${id}` },
        ]}
      />
      <Loaded query={query}>{(user) => <Details user={user} />}</Loaded>
    </>
  );
}

function Details({ user }: { user: User }) {
  const { t } = useTranslation('identity');
  const navigate = useNavigate();
  const domain = useDomainName();
  const project = useProjectName();
  const { actions, dialog } = useUserActions(() => navigate('/users'));
  const [tab, setTab] = useTab('roles');
  return (
    <SpaceBetween size="l">
      <Header variant="h1" description={user.description} actions={<ActionButtons actions={actions} items={[user]} />}>
        {user.name}
      </Header>
      <Container>
        <KeyValuePairs
          columns={3}
          items={[
            { label: t('common:id'), value: <Copyable text={user.id} /> },
            { label: t('common:statusLabel'), value: <EnabledStatus value={user.enabled} /> },
            {
              label: t('common:domain'),
              value: <Go to={`/domains/${user.domain_id}`}>{domain(user.domain_id)}</Go>,
            },
            { label: t('user.email'), value: user.email || '–' },
            { label: t('user.passwordEnds'), value: <PasswordEnds at={user.password_expires_at} /> },
            {
              label: t('user.options'),
              value:
                optionsOf(user).length > 0
                  ? optionsOf(user).map((option) => <div key={option}>{t(`user.option.${option}`)}</div>)
                  : '–',
            },
            {
              label: t('user.defaultProject'),
              value: user.default_project_id ? (
                <Go to={`/projects/${user.default_project_id}`}>{project(user.default_project_id)}</Go>
              ) : (
                '–'
              ),
            },
          ]}
        />
      </Container>
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={[
          {
            id: 'roles',
            label: t('rolesTab'),
            content: (
              <Assignments
                id="user-roles"
                title={t('rolesTab')}
                filter={{ 'user.id': user.id }}
                fixed={{ actor: { kind: 'user', id: user.id } }}
                domain={user.domain_id}
                effective
              />
            ),
          },
          { id: 'groups', label: t('common:nav.items.groups'), content: <UserGroups user={user} /> },
        ]}
      />
      {dialog}
    </SpaceBetween>
  );
}

function PasswordEnds({ at }: { at: string | null }) {
  const { t } = useTranslation('identity');
  if (!at) return <>{t('user.passwordNever')}</>;
  if (parseTime(at).getTime() > Date.now()) return <>{formatTime(at)}</>;
  return <StatusIndicator type="warning">{t('user.passwordOver', { when: formatTime(at) })}</StatusIndicator>;
}
