import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Domain, useDomain } from '~/api/identity';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { useTab } from '~/ui/useTab';
import { Assignments } from './Assignments';
import { DomainConfigTab } from './DomainConfigTab';
import { EnabledStatus } from './EnabledStatus';
import { useDomainActions } from './useDomainActions';

export default function DomainPage() {
  const { t } = useTranslation('identity');
  const { id = '' } = useParams();
  const query = useDomain(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.domains'), href: '/domains' },
          { text: query.data?.name ?? id, href: `/domains/${id}` },
        ]}
      />
      <Loaded query={query}>{(domain) => <Details domain={domain} />}</Loaded>
    </>
  );
}

function Details({ domain }: { domain: Domain }) {
  const { t } = useTranslation('identity');
  const navigate = useNavigate();
  const [tab, setTab] = useTab('members');
  const { actions, dialog } = useDomainActions(() => navigate('/domains'));
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={domain.description}
        actions={<ActionButtons actions={actions} items={[domain]} />}
      >
        {domain.name}
      </Header>
      <Container>
        <KeyValuePairs
          columns={3}
          items={[
            { label: t('common:id'), value: <Copyable text={domain.id} /> },
            { label: t('common:statusLabel'), value: <EnabledStatus value={domain.enabled} /> },
          ]}
        />
      </Container>
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={[
          {
            id: 'members',
            label: t('members'),
            content: (
              <Assignments
                id="domain-roles"
                title={t('members')}
                description={t('domain.membersText')}
                filter={{ 'scope.domain.id': domain.id }}
                fixed={{ target: { kind: 'domain', id: domain.id } }}
                domain={domain.id}
                effective
              />
            ),
          },
          { id: 'config', label: t('config.tab'), content: <DomainConfigTab domain={domain.id} /> },
        ]}
      />
      {dialog}
    </SpaceBetween>
  );
}
