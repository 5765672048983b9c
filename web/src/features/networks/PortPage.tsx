import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs, { type KeyValuePairsProps } from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Port, portTrace, useExtensions, useNetwork, usePort, useSecurityGroups, useSubnets } from '~/api/network';
import { useSession } from '~/app/useSession';
import { PolicyLink } from '~/features/qos/PolicyLink';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { AdminState, Status, YesNo } from '~/ui/Status';
import { Device } from './Device';
import { optionName } from './portForm';
import { usePortActions } from './usePortActions';
import { useServerNames } from './useServerNames';

export default function PortPage() {
  const { t } = useTranslation('networks');
  const { id = '' } = useParams();
  const query = usePort(id);
  const network = useNetwork(query.data?.network_id ?? '', query.data !== undefined);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('title'), href: '/networks' },
          ...(query.data
            ? [
                {
                  text: network.data ? nameOf(network.data) : query.data.network_id,
                  href: `/networks/${query.data.network_id}?tab=ports`,
                },
              ]
            : []),
          { text: query.data ? nameOf(query.data) : id, href: `/ports/${id}` },
        ]}
      />
      <Loaded query={query}>
        {(port) => <Details port={port} network={network.data ? nameOf(network.data) : port.network_id} />}
      </Loaded>
    </>
  );
}

const lines = (all: React.ReactNode[]): React.ReactNode =>
  // biome-ignore lint/suspicious/noArrayIndexKey: the lines have no state and change together
  all.length > 0 ? all.map((line, i) => <div key={i}>{line}</div>) : '–';

function Details({ port: p, network }: { port: Port; network: string }) {
  const { t } = useTranslation('networks');
  const navigate = useNavigate();
  const { isAdmin } = useSession();
  const { actions, dialog } = usePortActions(() => navigate(`/networks/${p.network_id}?tab=ports`));
  const subnets = useSubnets().data ?? [];
  const groups = useSecurityGroups(p.project_id, true).data ?? [];
  const names = useServerNames();
  const traces = useExtensions().data?.includes(portTrace) ?? false;
  const basics: KeyValuePairsProps.Item[] = [
    { label: t('common:id'), value: <Copyable text={p.id} /> },
    { label: t('common:statusLabel'), value: <Status value={p.status} /> },
    { label: t('adminState'), value: <AdminState up={p.admin_state_up} /> },
    { label: t('port.device'), value: <Device port={p} name={names.get(p.device_id)} /> },
    { label: t('network'), value: <Go to={`/networks/${p.network_id}`}>{network}</Go> },
    { label: t('port.mac'), value: <Copyable text={p.mac_address} /> },
    {
      label: t('port.addresses'),
      value: lines(
        p.fixed_ips.map((ip) => {
          const subnet = subnets.find((s) => s.id === ip.subnet_id);
          return `${ip.ip_address} (${subnet ? [subnet.name, subnet.cidr].filter(Boolean).join(', ') : ip.subnet_id})`;
        }),
      ),
    },
    { label: t('port.dnsNames'), value: lines((p.dns_assignment ?? []).map((d) => d.fqdn)) },
    { label: t('common:project'), value: p.project_id ? <Copyable text={p.project_id} /> : '–' },
    ...(p.qos_policy_id ? [{ label: t('qosPolicy'), value: <PolicyLink id={p.qos_policy_id} /> }] : []),
    ...(p.qos_network_policy_id
      ? [{ label: t('port.networkQoS'), value: <PolicyLink id={p.qos_network_policy_id} /> }]
      : []),
    { label: t('tags'), value: p.tags.join(', ') || '–' },
    { label: t('common:created'), value: formatTime(p.created_at) },
    { label: t('common:updated'), value: formatTime(p.updated_at) },
  ];
  const security: KeyValuePairsProps.Item[] = [
    { label: t('portSecurity'), value: <YesNo value={p.port_security_enabled} /> },
    {
      label: t('port.groups'),
      value: lines(
        p.security_groups.map((id) => (
          <Go key={id} to={`/security-groups/${id}`}>
            {groups.find((g) => g.id === id)?.name ?? id}
          </Go>
        )),
      ),
    },
    {
      label: t('port.pairs'),
      value: lines(p.allowed_address_pairs.map((a) => `${a.ip_address} (${a.mac_address ?? p.mac_address})`)),
    },
    { label: t('port.options'), value: lines(p.extra_dhcp_opts.map((o) => `${optionName(o)}: ${o.opt_value}`)) },
  ];
  const binding: KeyValuePairsProps.Item[] = [
    { label: t('port.vnicType'), value: p['binding:vnic_type'] },
    { label: t('port.host'), value: p['binding:host_id'] || '–' },
    { label: t('port.vifType'), value: p['binding:vif_type'] || '–' },
    { label: t('port.vifDetails'), value: JSON.stringify(p['binding:vif_details'] ?? {}) },
    { label: t('port.profile'), value: JSON.stringify(p['binding:profile'] ?? {}) },
  ];
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={p.description}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {traces && <Button onClick={() => navigate(`/trace?port=${p.id}`)}>{t('port.trace')}</Button>}
            <ActionButtons actions={actions.filter((a) => a.id !== 'trace')} items={[p]} />
          </SpaceBetween>
        }
      >
        {nameOf(p)}
      </Header>
      <Container header={<Header variant="h2">{t('overview')}</Header>}>
        <KeyValuePairs columns={4} items={basics} />
      </Container>
      <Container header={<Header variant="h2">{t('port.security')}</Header>}>
        <KeyValuePairs columns={4} items={security} />
      </Container>
      {isAdmin && (
        <Container header={<Header variant="h2">{t('port.binding')}</Header>}>
          <KeyValuePairs columns={4} items={binding} />
        </Container>
      )}
      {dialog}
    </SpaceBetween>
  );
}
