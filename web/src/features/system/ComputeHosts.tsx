import SpaceBetween from '@cloudscape-design/components/space-between';
import type { UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { type ComputeService, type Hypervisor, useHypervisors } from '~/api/compute';
import { lookEvery } from '~/api/health';
import { CapacityCell } from '~/features/hosts/CapacityBars';
import { versionText } from '~/features/hosts/capacity';
import { formatAge } from '~/ui/format';
import { Go } from '~/ui/Go';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';

/** The services that run instances, and the machines that they run them on. */
export function ComputeHosts({ services }: { services: UseQueryResult<ComputeService[]> }) {
  const { t } = useTranslation('system');
  const hypervisors = useHypervisors(lookEvery);
  const columns: Column<ComputeService>[] = [
    { id: 'name', header: t('program'), cell: (s) => s.binary, value: (s) => s.binary },
    { id: 'host', header: t('host'), cell: (s) => s.host, value: (s) => s.host },
    { id: 'state', header: t('state'), cell: (s) => <Status value={s.state} />, value: (s) => s.state },
    {
      id: 'status',
      header: t('service'),
      cell: (s) => <Status value={s.status} note={s.disabled_reason ?? undefined} />,
      value: (s) => s.status,
    },
    { id: 'zone', header: t('zone'), cell: (s) => s.zone, value: (s) => s.zone },
    { id: 'seen', header: t('heartbeat'), cell: (s) => formatAge(s.updated_at), value: (s) => s.updated_at },
  ];
  const machines: Column<Hypervisor & { name: string }>[] = [
    { id: 'name', header: t('host'), cell: (h) => <Go to={`/hypervisors/${h.id}`}>{h.name}</Go>, value: (h) => h.name },
    { id: 'state', header: t('state'), cell: (h) => <Status value={h.state} />, value: (h) => h.state },
    {
      id: 'type',
      header: t('hypervisor'),
      cell: (h) => `${h.hypervisor_type} ${versionText(h.hypervisor_version)}`,
      value: (h) => h.hypervisor_type,
    },
    { id: 'vcpus', header: t('vcpus'), cell: (h) => <CapacityCell host={h.id} resource="VCPU" /> },
    { id: 'ram', header: t('ram'), cell: (h) => <CapacityCell host={h.id} resource="MEMORY_MB" /> },
    { id: 'disk', header: t('disk'), cell: (h) => <CapacityCell host={h.id} resource="DISK_GB" /> },
    {
      id: 'instances',
      header: t('instances'),
      cell: (h) => h.servers?.length ?? 0,
      value: (h) => h.servers?.length ?? 0,
    },
  ];
  return (
    <SpaceBetween size="l">
      <ResourceTable
        id="system-compute"
        title={t('computeServices')}
        query={services}
        columns={columns}
        empty={{ title: t('noHosts'), text: t('noHostsText') }}
      />
      <ResourceTable
        id="system-hypervisors"
        title={t('hypervisors')}
        query={{ ...hypervisors, data: hypervisors.data?.map((h) => ({ ...h, name: h.hypervisor_hostname })) }}
        columns={machines}
        empty={{ title: t('noHosts'), text: t('noHostsText') }}
      />
    </SpaceBetween>
  );
}
