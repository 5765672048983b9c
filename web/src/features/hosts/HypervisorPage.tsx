import Alert from '@cloudscape-design/components/alert';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { useComputeServices, useHypervisor } from '~/api/compute';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { formatAge } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { Status } from '~/ui/Status';
import { CapacityBars } from './CapacityBars';
import { uptimeOf, versionText } from './capacity';
import { HostAgents } from './HostAgents';
import { HostServers } from './HostServers';
import { type Host, hostOf, useHostActions } from './useHostActions';

export default function HypervisorPage() {
  const { t } = useTranslation('hosts');
  const { id = '' } = useParams();
  const query = useHypervisor(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.hypervisors'), href: '/hypervisors' },
          { text: query.data?.hypervisor_hostname ?? id, href: `/hypervisors/${id}` },
        ]}
      />
      <Loaded query={query}>{(h) => <Details host={hostOf(h)} />}</Loaded>
    </>
  );
}

function Details({ host }: { host: Host }) {
  const { t } = useTranslation('hosts');
  const navigate = useNavigate();
  const { actions, dialog } = useHostActions(() => navigate('/hypervisors'));
  const service = useComputeServices().data?.find((s) => s.id === host.service.id);
  return (
    <SpaceBetween size="l">
      <Header variant="h1" actions={<ActionButtons actions={actions} items={[host]} />}>
        {host.name}
      </Header>
      {service?.forced_down && <Alert type="warning">{t('isForcedDown')}</Alert>}
      <Container>
        <KeyValuePairs
          columns={3}
          items={[
            { label: t('state'), value: <Status value={host.state} /> },
            {
              label: t('service'),
              value: <Status value={host.status} note={host.service.disabled_reason ?? undefined} />,
            },
            { label: t('zone'), value: service?.zone ?? '–' },
            { label: t('seen'), value: formatAge(service?.updated_at) },
            { label: t('type'), value: `${host.hypervisor_type} ${versionText(host.hypervisor_version)}` },
            { label: t('address'), value: <Copyable text={host.host_ip} /> },
            { label: t('uptime'), value: <UptimeText text={host.uptime} /> },
            { label: t('common:id'), value: <Copyable text={host.id} /> },
          ]}
        />
      </Container>
      <Container header={<Header variant="h2">{t('capacity')}</Header>}>
        <CapacityBars host={host.id} />
      </Container>
      <HostServers host={host.service.host} />
      <HostAgents host={host.service.host} />
      {dialog}
    </SpaceBetween>
  );
}

function UptimeText({ text }: { text?: string | null }) {
  const { t } = useTranslation('hosts');
  if (!text) return <>–</>;
  const uptime = uptimeOf(text);
  if (!uptime) return <>{text.trim()}</>;
  const { days, hours, minutes, load } = uptime;
  return <>{t('uptimeText', { count: days, time: `${hours}:${String(minutes).padStart(2, '0')}`, load })}</>;
}
