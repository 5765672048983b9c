import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Project, useProjects } from '~/api/identity';
import { useSession } from '~/app/useSession';
import { type Action, opens } from '~/ui/actions';
import { useTags } from '~/ui/useTags';
import { deleteProject, setProjectTags, updateProject } from './mutations';
import { ProjectContents } from './ProjectContents';
import { ProjectForm } from './ProjectForm';

/** What can be done to projects, and the dialog that it opens. */
export function useProjectActions(onDeleted?: () => void): { actions: Action<Project>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('identity');
  const { projectId } = useSession();
  const all = useProjects().data ?? [];
  const [edited, setEdited] = useState<Project>();
  const tags = useTags<Project>({ max: 255, save: (p, all) => setProjectTags(p.id, all) });
  const below = (p: Project) => all.filter((other) => other.parent_id === p.id);
  const own = (p: Project) => (p.id === projectId ? t('project.refusedOwn') : undefined);
  return {
    dialog: edited ? <ProjectForm before={edited} onClose={() => setEdited(undefined)} /> : tags.dialog,
    actions: [
      opens({ id: 'edit', text: t('common:edit'), open: setEdited }),
      tags.action,
      {
        id: 'enable',
        text: t('enable'),
        refused: (p) => (p.enabled ? t('refusedEnabled') : undefined),
        run: (p) => updateProject(p.id, { enabled: true }),
      },
      {
        id: 'disable',
        text: t('disable'),
        danger: true,
        refused: (p) => {
          if (!p.enabled) return t('refusedDisabled');
          return own(p) ?? (below(p).some((other) => other.enabled) ? t('project.refusedBelow') : undefined);
        },
        question: (items) => ({
          title: t('project.disableTitle', { count: items.length, name: items[0]?.name }),
          body: t('project.disableText'),
        }),
        run: (p) => updateProject(p.id, { enabled: false }),
      },
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        refused: (p) => own(p) ?? (below(p).length > 0 ? t('project.refusedParent') : undefined),
        question: (items) => ({
          title: t('project.deleteTitle', { count: items.length, name: items[0]?.name }),
          body: <ProjectContents projects={items} />,
        }),
        run: async (p) => {
          await deleteProject(p.id);
          onDeleted?.();
        },
      },
    ],
  };
}
