import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Project, useProjects } from '~/api/identity';
import { Copyable } from '~/ui/Copyable';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { EnabledStatus } from './EnabledStatus';
import { useDomainName, useProjectName } from './names';
import { ProjectForm } from './ProjectForm';
import { useProjectActions } from './useProjectActions';

export default function ProjectsPage() {
  const { t } = useTranslation('identity');
  const query = useProjects();
  const domain = useDomainName();
  const project = useProjectName();
  const { actions, dialog } = useProjectActions();
  const [creating, setCreating] = useState(false);
  const title = t('common:nav.items.projects');
  // A project at the top has its domain as parent.
  const parent = (p: Project) => (p.parent_id === p.domain_id ? '–' : project(p.parent_id));
  const columns: Column<Project>[] = [
    {
      id: 'name',
      header: t('common:name'),
      cell: (p) => <Go to={`/projects/${p.id}`}>{p.name}</Go>,
      value: (p) => p.name,
    },
    { id: 'id', header: t('common:id'), cell: (p) => <Copyable text={p.id} />, value: (p) => p.id, width: 300 },
    {
      id: 'domain',
      header: t('common:domain'),
      cell: (p) => domain(p.domain_id),
      value: (p) => domain(p.domain_id),
    },
    { id: 'parent', header: t('project.parent'), cell: parent, value: parent, visible: false },
    {
      id: 'enabled',
      header: t('common:statusLabel'),
      cell: (p) => <EnabledStatus value={p.enabled} />,
      value: (p) => t(p.enabled ? 'common:status.ENABLED' : 'common:status.DISABLED'),
    },
    {
      id: 'description',
      header: t('common:description'),
      cell: (p) => p.description || '–',
      value: (p) => p.description,
      width: 300,
    },
    {
      id: 'tags',
      header: t('project.tags'),
      cell: (p) => p.tags.join(', ') || '–',
      value: (p) => p.tags.join(', '),
      visible: false,
    },
  ];
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/projects' }]} />
      <ResourceTable
        id="projects"
        title={title}
        query={query}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
            {t('project.create')}
          </Button>
        }
        empty={{ title: t('project.empty') }}
      />
      {creating && <ProjectForm onClose={() => setCreating(false)} />}
      {dialog}
    </>
  );
}
