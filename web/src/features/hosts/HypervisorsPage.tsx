import { useTranslation } from 'react-i18next';
import { useHypervisors } from '~/api/compute';
import { Copyable } from '~/ui/Copyable';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';
import { CapacityCell } from './CapacityBars';
import { versionText } from './capacity';
import { type Host, hostOf, useHostActions } from './useHostActions';

export default function HypervisorsPage() {
  const { t } = useTranslation('hosts');
  const query = useHypervisors();
  const { actions, dialog } = useHostActions();
  const title = t('common:nav.items.hypervisors');
  const columns: Column<Host>[] = [
    {
      id: 'name',
      header: t('common:name'),
      cell: (h) => <Go to={`/hypervisors/${h.id}`}>{h.name}</Go>,
      value: (h) => h.name,
    },
    { id: 'state', header: t('state'), cell: (h) => <Status value={h.state} />, value: (h) => h.state },
    {
      id: 'status',
      header: t('service'),
      cell: (h) => <Status value={h.status} note={h.service.disabled_reason ?? undefined} />,
      value: (h) => h.status,
    },
    {
      id: 'vcpus',
      header: t('vcpus'),
      cell: (h) => <CapacityCell host={h.id} resource="VCPU" />,
    },
    { id: 'ram', header: t('ram'), cell: (h) => <CapacityCell host={h.id} resource="MEMORY_MB" /> },
    { id: 'disk', header: t('disk'), cell: (h) => <CapacityCell host={h.id} resource="DISK_GB" /> },
    {
      id: 'instances',
      header: t('instances'),
      cell: (h) => h.servers?.length ?? 0,
      value: (h) => h.servers?.length ?? 0,
    },
    {
      id: 'type',
      header: t('type'),
      cell: (h) => `${h.hypervisor_type} ${versionText(h.hypervisor_version)}`,
      value: (h) => `${h.hypervisor_type} ${versionText(h.hypervisor_version)}`,
    },
    {
      id: 'address',
      header: t('address'),
      cell: (h) => <Copyable text={h.host_ip} />,
      value: (h) => h.host_ip,
      visible: false,
    },
    { id: 'id', header: t('common:id'), cell: (h) => <Copyable text={h.id} />, value: (h) => h.id, visible: false },
  ];
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/hypervisors' }]} />
      <ResourceTable
        id="hypervisors"
        title={title}
        query={{ ...query, data: query.data?.map(hostOf) }}
        columns={columns}
        actions={actions}
        empty={{ title: t('empty'), text: t('emptyText') }}
      />
      {dialog}
    </>
  );
}
