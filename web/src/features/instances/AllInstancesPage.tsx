import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useServers } from '~/api/compute';
import { Crumbs } from '~/ui/Page';
import { ResourceTable } from '~/ui/ResourceTable';
import { useInstanceActions } from './useInstanceActions';
import { useInstanceColumns, useProjectColumn } from './useInstanceColumns';

/** The servers of all projects, for administrators. */
export default function AllInstancesPage() {
  const { t } = useTranslation('instances');
  const query = useServers(true);
  const columns = useInstanceColumns(true);
  const project = useProjectColumn();
  const all = useMemo(() => [...columns.slice(0, 1), project.column, ...columns.slice(1)], [columns, project.column]);
  const { actions, dialog } = useInstanceActions();
  const title = t('common:nav.items.adminInstances');
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/admin/instances' }]} />
      <ResourceTable
        id="allInstances"
        title={title}
        query={query}
        columns={all}
        actions={actions}
        empty={{ title: t('emptyAll') }}
        partial={project.failed ? t('noProjects') : undefined}
      />
      {dialog}
    </>
  );
}
