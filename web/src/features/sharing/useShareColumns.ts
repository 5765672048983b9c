import { useTranslation } from 'react-i18next';
import { everybody, type RBACPolicy } from '~/api/networkSharing';
import { useProjectWords } from './useProjectNames';

/** Columns that say with whom something is shared, and for what. */
export function useShareColumns() {
  const { t } = useTranslation('sharing');
  const project = useProjectWords();
  const target = (p: RBACPolicy) =>
    p.target_tenant === everybody ? t('allProjects') : t('projectNamed', { name: project(p.target_tenant) });
  const action = (p: RBACPolicy) => t(p.action === 'access_as_external' ? 'asExternal' : 'asShared');
  return {
    withWhom: { id: 'with', header: t('sharedWith'), cell: target, value: target, width: 320 },
    how: { id: 'how', header: t('for'), cell: action, value: action, width: 240 },
  };
}
