import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Port, type SecurityGroup, usePorts, useSecurityGroup } from '~/api/network';
import { useSession } from '~/app/useSession';
import { Device } from '~/features/networks/Device';
import { useServerNames } from '~/features/networks/useServerNames';
import { SharingTab } from '~/features/sharing/SharingTab';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { YesNo } from '~/ui/Status';
import { useTab } from '~/ui/useTab';
import { RulesTab } from './RulesTab';
import { useGroupActions } from './useGroupActions';

export default function GroupPage() {
  const { t } = useTranslation('securitygroups');
  const { id = '' } = useParams();
  const query = useSecurityGroup(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('title'), href: '/security-groups' },
          { text: query.data ? nameOf(query.data) : id, href: `/security-groups/${id}` },
        ]}
      />
      <Loaded query={query}>{(group) => <Details group={group} />}</Loaded>
    </>
  );
}

function Details({ group }: { group: SecurityGroup }) {
  const { t } = useTranslation('securitygroups');
  const navigate = useNavigate();
  const { actions, dialog } = useGroupActions(() => navigate('/security-groups'));
  const { isAdmin, projectId } = useSession();
  const own = isAdmin || group.project_id === projectId;
  const [tab, setTab] = useTab('rules');
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={group.description}
        actions={own && <ActionButtons actions={actions} items={[group]} />}
      >
        {nameOf(group)}
      </Header>
      <Container>
        <KeyValuePairs
          columns={4}
          items={[
            { label: t('common:id'), value: <Copyable text={group.id} /> },
            { label: t('common:project'), value: <Copyable text={group.project_id} /> },
            { label: t('shared'), value: <YesNo value={group.shared} /> },
            { label: t('stateful'), value: <YesNo value={group.stateful} /> },
            { label: t('common:tags'), value: group.tags.join(', ') || '–' },
            { label: t('common:created'), value: formatTime(group.created_at) },
            { label: t('common:updated'), value: formatTime(group.updated_at) },
          ]}
        />
      </Container>
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={[
          { id: 'rules', label: t('rules'), content: <RulesTab group={group} own={own} /> },
          { id: 'ports', label: t('ports'), content: <PortsTab group={group.id} /> },
          ...(own
            ? [{ id: 'sharing', label: t('sharing'), content: <SharingTab kind="security_group" thing={group} /> }]
            : []),
        ]}
      />
      {dialog}
    </SpaceBetween>
  );
}

/** The ports that the group's rules apply to. */
function PortsTab({ group }: { group: string }) {
  const { t } = useTranslation('securitygroups');
  const query = usePorts({ security_groups: group });
  const servers = useServerNames();
  const columns: Column<Port>[] = [
    { id: 'name', header: t('port'), cell: (p) => <Go to={`/ports/${p.id}`}>{nameOf(p)}</Go>, value: nameOf },
    {
      id: 'device',
      header: t('device'),
      cell: (p) => <Device port={p} name={servers.get(p.device_id)} />,
      value: (p) => servers.get(p.device_id) ?? p.device_id,
    },
    {
      id: 'addresses',
      header: t('addresses'),
      cell: (p) => p.fixed_ips.map((ip) => ip.ip_address).join(', ') || '–',
      value: (p) => p.fixed_ips.map((ip) => ip.ip_address).join(' '),
    },
  ];
  return (
    <ResourceTable id="groupPorts" title={t('ports')} query={query} columns={columns} empty={{ title: t('noPorts') }} />
  );
}
