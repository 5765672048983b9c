import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Project, useProject } from '~/api/identity';
import { ProjectCatalog } from '~/features/catalog/ProjectCatalog';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { useTab } from '~/ui/useTab';
import { Assignments } from './Assignments';
import { EnabledStatus } from './EnabledStatus';
import { useDomainName, useProjectName } from './names';
import { ProjectsBelow } from './ProjectsBelow';
import { Quotas } from './Quotas';
import { useProjectActions } from './useProjectActions';

export default function ProjectPage() {
  const { t } = useTranslation('identity');
  const { id = '' } = useParams();
  const query = useProject(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.projects'), href: '/projects' },
          { text: query.data?.name ?? id, href: `/projects/${id}` },
        ]}
      />
      <Loaded query={query}>{(project) => <Details project={project} />}</Loaded>
    </>
  );
}

function Details({ project }: { project: Project }) {
  const { t } = useTranslation('identity');
  const navigate = useNavigate();
  const domain = useDomainName();
  const projectName = useProjectName();
  const { actions, dialog } = useProjectActions(() => navigate('/projects'));
  const [tab, setTab] = useTab('members');
  const { id, domain_id, parent_id } = project;
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={project.description}
        actions={<ActionButtons actions={actions} items={[project]} />}
      >
        {project.name}
      </Header>
      <Container>
        <KeyValuePairs
          columns={3}
          items={[
            { label: t('common:id'), value: <Copyable text={id} /> },
            { label: t('common:statusLabel'), value: <EnabledStatus value={project.enabled} /> },
            {
              label: t('common:domain'),
              value: <Go to={`/domains/${domain_id}`}>{domain(domain_id)}</Go>,
            },
            {
              label: t('project.parent'),
              value:
                parent_id && parent_id !== domain_id ? (
                  <Go to={`/projects/${parent_id}`}>{projectName(parent_id)}</Go>
                ) : (
                  '–'
                ),
            },
            { label: t('common:tags'), value: project.tags.join(', ') || '–' },
          ]}
        />
      </Container>
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={[
          {
            id: 'members',
            label: t('members'),
            content: (
              <Assignments
                id="project-members"
                title={t('members')}
                filter={{ 'scope.project.id': id }}
                fixed={{ target: { kind: 'project', id } }}
                domain={domain_id}
                effective
              />
            ),
          },
          { id: 'below', label: t('project.below'), content: <ProjectsBelow project={project} /> },
          { id: 'catalog', label: t('project.catalog'), content: <ProjectCatalog project={project} /> },
          { id: 'quotas', label: t('quotas'), content: <Quotas project={id} /> },
        ]}
      />
      {dialog}
    </SpaceBetween>
  );
}
