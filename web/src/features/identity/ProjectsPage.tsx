import { useTranslation } from 'react-i18next';
import { type Project, useProjects } from '~/api/identity';
import { useColumns } from '~/ui/columns';
import { ListPage } from '~/ui/ListPage';
import type { Column } from '~/ui/ResourceTable';
import { useDomainName, useProjectName } from './names';
import { ProjectForm } from './ProjectForm';
import { useProjectActions } from './useProjectActions';

export default function ProjectsPage() {
  const { t } = useTranslation('identity');
  const column = useColumns();
  const query = useProjects();
  const domain = useDomainName();
  const project = useProjectName();
  const { actions, dialog } = useProjectActions();
  const title = t('common:nav.items.projects');
  // A project at the top has its domain as parent.
  const parent = (p: Project) => (p.parent_id === p.domain_id ? '–' : project(p.parent_id));
  const columns: Column<Project>[] = [
    column.name('/projects', 180),
    { ...column.id(true), width: 220 },
    {
      id: 'domain',
      header: t('common:domain'),
      cell: (p) => domain(p.domain_id),
      value: (p) => domain(p.domain_id),
    },
    { id: 'parent', header: t('project.parent'), cell: parent, value: parent, width: 150 },
    column.enabled(),
    column.description(180),
    column.tags(),
  ];
  return (
    <ListPage
      id="projects"
      path="/projects"
      title={title}
      query={query}
      columns={columns}
      actions={actions}
      create={{ text: t('project.create'), form: (close) => <ProjectForm onClose={close} /> }}
      empty={{ title: t('project.empty') }}
      dialog={dialog}
    />
  );
}
