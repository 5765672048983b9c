import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Network, useNetwork } from '~/api/network';
import { useSession } from '~/app/useSession';
import { PolicyLink } from '~/features/qos/PolicyLink';
import { SharingTab } from '~/features/sharing/SharingTab';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { formatTime, nameOf, shortId } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { AdminState, Status, YesNo } from '~/ui/Status';
import { useTab } from '~/ui/useTab';
import { AddressesTab } from './AddressesTab';
import { AgentsTab } from './AgentsTab';
import { PortsTab } from './PortsTab';
import { SubnetsTab } from './SubnetsTab';
import { useNetworkActions } from './useNetworkActions';

export default function NetworkPage() {
  const { t } = useTranslation('networks');
  const { id = '' } = useParams();
  const query = useNetwork(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('title'), href: '/networks' },
          { text: query.data ? nameOf(query.data) : id, href: `/networks/${id}` },
        ]}
      />
      <Loaded query={query}>{(network) => <Details network={network} />}</Loaded>
    </>
  );
}

function Details({ network }: { network: Network }) {
  const { t } = useTranslation('networks');
  const { isAdmin, projectId } = useSession();
  const navigate = useNavigate();
  const { actions, dialog } = useNetworkActions(() => navigate('/networks'));
  const [tab, setTab] = useTab('subnets');
  const own = isAdmin || network.project_id === projectId;
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={network.description}
        actions={own && <ActionButtons actions={actions} items={[network]} />}
      >
        {nameOf(network)}
      </Header>
      <Container>
        <Overview network={network} />
      </Container>
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={[
          { id: 'subnets', label: t('subnets'), content: <SubnetsTab network={network} /> },
          { id: 'ports', label: t('ports'), content: <PortsTab network={network} /> },
          ...(isAdmin
            ? [
                { id: 'addresses', label: t('addresses'), content: <AddressesTab network={network.id} /> },
                { id: 'agents', label: t('agents.dhcp'), content: <AgentsTab kind="dhcp" id={network.id} /> },
              ]
            : []),
          ...(own
            ? [{ id: 'sharing', label: t('sharing'), content: <SharingTab kind="network" thing={network} /> }]
            : []),
        ]}
      />
      {dialog}
    </SpaceBetween>
  );
}

function Overview({ network: n }: { network: Network }) {
  const { t } = useTranslation('networks');
  const { isAdmin } = useSession();
  return (
    <KeyValuePairs
      columns={4}
      items={[
        { label: t('common:id'), value: <Copyable text={n.id} /> },
        { label: t('common:statusLabel'), value: <Status value={n.status} /> },
        { label: t('adminState'), value: <AdminState up={n.admin_state_up} /> },
        { label: t('common:project'), value: <Copyable text={n.project_id} /> },
        { label: t('shared'), value: <YesNo value={n.shared} /> },
        {
          label: t('external'),
          value: n['router:external'] && n.is_default ? t('externalDefault') : <YesNo value={n['router:external']} />,
        },
        { label: 'MTU', value: n.mtu },
        { label: t('portSecurity'), value: <YesNo value={n.port_security_enabled} /> },
        ...(isAdmin
          ? [
              {
                label: t('type'),
                value: n['provider:network_type'] ? t(`types.${n['provider:network_type']}`) : '–',
              },
              { label: t('physical'), value: n['provider:physical_network'] ?? '–' },
              { label: t('segment'), value: n['provider:segmentation_id'] ?? '–' },
            ]
          : []),
        { label: t('dnsDomain'), value: n.dns_domain || '–' },
        { label: t('zones'), value: n.availability_zones.join(', ') || '–' },
        ...(n.qos_policy_id ? [{ label: t('qosPolicy'), value: <PolicyLink id={n.qos_policy_id} /> }] : []),
        ...(n.ipv4_address_scope
          ? [
              {
                label: t('scope4'),
                value: <Go to={`/address-scopes/${n.ipv4_address_scope}`}>{shortId(n.ipv4_address_scope)}</Go>,
              },
            ]
          : []),
        ...(n.ipv6_address_scope
          ? [
              {
                label: t('scope6'),
                value: <Go to={`/address-scopes/${n.ipv6_address_scope}`}>{shortId(n.ipv6_address_scope)}</Go>,
              },
            ]
          : []),
        ...(n.availability_zone_hints?.length
          ? [{ label: t('zoneHints'), value: n.availability_zone_hints.join(', ') }]
          : []),
        { label: t('tags'), value: n.tags.join(', ') || '–' },
        { label: t('common:created'), value: formatTime(n.created_at) },
        { label: t('common:updated'), value: formatTime(n.updated_at) },
      ]}
    />
  );
}
