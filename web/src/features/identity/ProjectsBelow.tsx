import { useTranslation } from 'react-i18next';
import { type Project, useProjects } from '~/api/identity';
import { useColumns } from '~/ui/columns';
import { ListTable } from '~/ui/ListPage';
import { ProjectForm } from './ProjectForm';

/** The projects that have a project as parent. */
export function ProjectsBelow({ project }: { project: Project }) {
  const { t } = useTranslation('identity');
  const column = useColumns<Project>();
  const query = useProjects();
  return (
    <ListTable<Project>
      id="projects-below"
      title={t('project.below')}
      query={{ ...query, data: query.data?.filter((p) => p.parent_id === project.id) }}
      columns={[column.name('/projects'), column.enabled(), column.description(), column.tags(), column.id(true)]}
      create={{
        text: t('project.create'),
        testId: 'create-below',
        form: (close) => <ProjectForm parent={project} onClose={close} />,
      }}
      empty={{ title: t('project.noneBelow'), text: t('project.parentText') }}
    />
  );
}
