import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs, { type KeyValuePairsProps } from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { type Server, useHypervisors, useServerGroups } from '~/api/compute';
import { useImage } from '~/api/image';
import { usePorts, useSecurityGroups } from '~/api/network';
import { useSession } from '~/app/useSession';
import { ServerStatus } from '~/features/instances/ServerStatus';
import { Copyable } from '~/ui/Copyable';
import { formatGiB, formatMiB, formatTime } from '~/ui/format';
import { Go } from '~/ui/Go';
import { YesNo } from '~/ui/Status';
import { AddressTable } from './AddressTable';
import './instance.css';

export function OverviewTab({ server }: { server: Server }) {
  const { t } = useTranslation(['instance', 'instances']);
  const { isAdmin } = useSession();
  const power: Record<number, string> = { 1: 'running', 3: 'paused', 4: 'shutdown', 7: 'suspended' };
  const state: KeyValuePairsProps.Item[] = [
    { label: t('common:statusLabel'), value: <ServerStatus server={server} /> },
    { label: t('power.label'), value: t(`power.${power[server['OS-EXT-STS:power_state']] ?? 'none'}`) },
    {
      label: t('instances:locked'),
      value: server.locked && server.locked_reason ? server.locked_reason : <YesNo value={server.locked} />,
    },
    { label: t('instances:zone'), value: server['OS-EXT-AZ:availability_zone'] || '–' },
    { label: t('common:created'), value: formatTime(server.created) },
    { label: t('launched'), value: formatTime(server['OS-SRV-USG:launched_at']) },
    { label: t('common:updated'), value: formatTime(server.updated) },
    { label: t('hostName'), value: server['OS-EXT-SRV-ATTR:hostname'] ?? '–' },
    { label: t('common:id'), value: <Copyable text={server.id} /> },
    { label: t('common:project'), value: <Copyable text={server.tenant_id} /> },
    { label: t('common:user'), value: <Copyable text={server.user_id} /> },
    { label: t('hostId'), value: server.hostId ? <Copyable text={server.hostId} /> : '–' },
  ];
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">{t('facts')}</Header>}>
        <KeyValuePairs columns={4} items={state} />
      </Container>
      <Source server={server} />
      <AddressTable server={server} />
      <Security server={server} />
      {isAdmin && <Host server={server} />}
      <Labels server={server} />
    </SpaceBetween>
  );
}

/** What it was made of. */
function Source({ server }: { server: Server }) {
  const { t } = useTranslation(['instance', 'instances']);
  const { flavor } = server;
  const specs = Object.entries(flavor.extra_specs ?? {}).map(([key, value]) => `${key}=${value}`);
  const items: KeyValuePairsProps.Item[] = [
    {
      label: t('instances:image'),
      value: server.image === '' ? '–' : <ImageName id={server.image.id} />,
    },
    { label: t('instances:flavor'), value: flavor.original_name },
    { label: t('instances:vcpus'), value: flavor.vcpus },
    { label: t('instances:ram'), value: formatMiB(flavor.ram) },
    { label: t('instances:rootDisk'), value: formatGiB(flavor.disk) },
    ...(flavor.ephemeral ? [{ label: t('instances:ephemeral'), value: formatGiB(flavor.ephemeral) }] : []),
    ...(flavor.swap ? [{ label: t('instances:swap'), value: formatMiB(flavor.swap) }] : []),
    ...(specs.length > 0 ? [{ label: t('extraSpecs'), value: specs.join(', ') }] : []),
    { label: t('configDrive'), value: <YesNo value={server.config_drive === 'True'} /> },
    { label: t('instances:keyPair'), value: server.key_name ?? '–' },
  ];
  return (
    <Container header={<Header variant="h2">{t('madeOf')}</Header>}>
      <KeyValuePairs columns={4} items={items} />
    </Container>
  );
}

function ImageName({ id }: { id: string }) {
  const { t } = useTranslation(['instance', 'instances']);
  const image = useImage(id);
  if (image.data) return <>{image.data.name || id}</>;
  return <>{image.error ? t('imageGone', { id }) : id}</>;
}

function Security({ server }: { server: Server }) {
  const { t } = useTranslation(['instance', 'instances']);
  const ports = usePorts({ device_id: server.id });
  const groups = useSecurityGroups(server.tenant_id, true);
  const ids = [...new Set((ports.data ?? []).flatMap((p) => p.security_groups))];
  const names = new Map((groups.data ?? []).map((g) => [g.id, g.name]));
  return (
    <Container header={<Header variant="h2">{t('securityGroups')}</Header>}>
      {ids.length === 0 ? (
        t(ports.isPending ? 'common:loading' : 'noSecurityGroups')
      ) : (
        <SpaceBetween direction="horizontal" size="m">
          {ids.map((id) => (
            <Go key={id} to={`/security-groups/${id}`}>
              {names.get(id) ?? id}
            </Go>
          ))}
        </SpaceBetween>
      )}
    </Container>
  );
}

/** Where it runs; for administrators. */
function Host({ server }: { server: Server }) {
  const { t } = useTranslation(['instance', 'instances']);
  const name = server['OS-EXT-SRV-ATTR:hypervisor_hostname'];
  const hypervisor = useHypervisors().data?.find((h) => h.hypervisor_hostname === name);
  return (
    <Container header={<Header variant="h2">{t('placement')}</Header>}>
      <KeyValuePairs
        columns={4}
        items={[
          { label: t('instances:host'), value: server['OS-EXT-SRV-ATTR:host'] ?? '–' },
          {
            label: t('hypervisor'),
            value: hypervisor ? <Go to={`/hypervisors/${hypervisor.id}`}>{name}</Go> : (name ?? '–'),
          },
          { label: t('hostStatus'), value: server.host_status || '–' },
          { label: t('machineName'), value: server['OS-EXT-SRV-ATTR:instance_name'] ?? '–' },
        ]}
      />
    </Container>
  );
}

function Labels({ server }: { server: Server }) {
  const { t } = useTranslation(['instance', 'instances']);
  const groups = useServerGroups().data ?? [];
  const metadata = Object.entries(server.metadata);
  const group = (id: string) => groups.find((g) => g.id === id);
  return (
    <Container header={<Header variant="h2">{t('labels')}</Header>}>
      <KeyValuePairs
        columns={3}
        items={[
          {
            label: t('instances:metadata.label'),
            value:
              metadata.length === 0 ? (
                '–'
              ) : (
                <div className="server-text">{metadata.map(([key, value]) => `${key} = ${value}`).join('\n')}</div>
              ),
          },
          { label: t('instances:tags.label'), value: server.tags.join(', ') || '–' },
          {
            label: t('serverGroup'),
            value: (server.server_groups ?? []).map((id) => group(id)?.name ?? id).join(', ') || '–',
          },
        ]}
      />
    </Container>
  );
}
