import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Group, useGroup } from '~/api/identity';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { useTab } from '~/ui/useTab';
import { Assignments } from './Assignments';
import { GroupMembers } from './GroupMembers';
import { useDomainName } from './names';
import { useGroupActions } from './useGroupActions';

export default function GroupPage() {
  const { t } = useTranslation('identity');
  const { id = '' } = useParams();
  const query = useGroup(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.groups'), href: '/groups' },
          { text: query.data?.name ?? id, href: `/groups/${id}` },
        ]}
      />
      <Loaded query={query}>{(group) => <Details group={group} />}</Loaded>
    </>
  );
}

function Details({ group }: { group: Group }) {
  const { t } = useTranslation('identity');
  const navigate = useNavigate();
  const domain = useDomainName();
  const { actions, dialog } = useGroupActions(() => navigate('/groups'));
  const [tab, setTab] = useTab('members');
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={group.description}
        actions={<ActionButtons actions={actions} items={[group]} />}
      >
        {group.name}
      </Header>
      <Container>
        <KeyValuePairs
          columns={3}
          items={[
            { label: t('common:id'), value: <Copyable text={group.id} /> },
            {
              label: t('common:domain'),
              value: <Go to={`/domains/${group.domain_id}`}>{domain(group.domain_id)}</Go>,
            },
          ]}
        />
      </Container>
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={[
          { id: 'members', label: t('members'), content: <GroupMembers group={group} /> },
          {
            id: 'roles',
            label: t('rolesTab'),
            content: (
              <Assignments
                id="group-roles"
                title={t('rolesTab')}
                description={t('group.rolesText')}
                filter={{ 'group.id': group.id }}
                fixed={{ actor: { kind: 'group', id: group.id } }}
                domain={group.domain_id}
              />
            ),
          },
        ]}
      />
      {dialog}
    </SpaceBetween>
  );
}
