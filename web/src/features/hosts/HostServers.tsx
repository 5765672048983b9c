import { useTranslation } from 'react-i18next';
import { type Server, useServersOn } from '~/api/compute';
import { useProjectName } from '~/features/identity/names';
import { formatMiB, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';

/** The instances of all projects that are on a host. */
export function HostServers({ host }: { host: string }) {
  const { t } = useTranslation('hosts');
  const project = useProjectName();
  const columns: Column<Server>[] = [
    {
      id: 'name',
      header: t('common:name'),
      cell: (s) => <Go to={`/instances/${s.id}`}>{nameOf(s)}</Go>,
      value: (s) => s.name,
    },
    {
      id: 'project',
      header: t('common:project'),
      cell: (s) => <Go to={`/projects/${s.tenant_id}`}>{project(s.tenant_id)}</Go>,
      value: (s) => project(s.tenant_id),
    },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (s) => <Status value={s.status} />,
      value: (s) => s.status,
    },
    { id: 'vcpus', header: t('vcpus'), cell: (s) => s.flavor.vcpus, value: (s) => s.flavor.vcpus },
    { id: 'ram', header: t('ram'), cell: (s) => formatMiB(s.flavor.ram), value: (s) => s.flavor.ram },
  ];
  return (
    <ResourceTable
      id="host-servers"
      title={t('common:nav.items.instances')}
      query={useServersOn(host)}
      columns={columns}
      empty={{ title: t('noInstances') }}
    />
  );
}
