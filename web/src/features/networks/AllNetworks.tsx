import { useTranslation } from 'react-i18next';
import { useProjects } from '~/api/identity';
import { type Network, useNetworks } from '~/api/network';
import { useSession } from '~/app/useSession';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { useNetworkActions } from './useNetworkActions';
import { useNetworkColumns } from './useNetworkColumns';

/** The networks of all projects, for administrators. */
export default function AllNetworks() {
  const { t } = useTranslation('networks');
  const { projectId } = useSession();
  const query = useNetworks(projectId, true);
  const projects = useProjects();
  const { actions, dialog } = useNetworkActions();
  // Whose a network is matters more here than its switch; the window has room for one of them.
  const columns = useNetworkColumns().map((c) => (c.id === 'adminUp' ? { ...c, visible: false } : c));
  const nameOfProject = (n: Network) => projects.data?.find((p) => p.id === n.project_id)?.name ?? n.project_id;
  const project: Column<Network> = {
    id: 'project',
    header: t('common:project'),
    cell: nameOfProject,
    value: nameOfProject,
    width: 150,
  };
  return (
    <>
      <Crumbs trail={[{ text: t('common:nav.items.adminNetworks'), href: '/admin/networks' }]} />
      <ResourceTable
        id="allNetworks"
        title={t('common:nav.items.adminNetworks')}
        query={query}
        columns={[...columns.slice(0, 1), project, ...columns.slice(1)]}
        actions={actions}
        empty={{ title: t('empty') }}
        partial={projects.error ? t('noProjects') : undefined}
      />
      {dialog}
    </>
  );
}
