import { useTranslation } from 'react-i18next';
import type { SubnetPool } from '~/api/networkSharing';
import { remove, setTags } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { useEditDelete } from '~/ui/useEditDelete';
import { useTags } from '~/ui/useTags';
import { PoolForm } from './PoolForm';

/** What can be done to subnet pools, and the dialog that it opens. */
export function usePoolActions(onDeleted?: () => void) {
  const { t } = useTranslation('subnetpools');
  const { isAdmin, projectId } = useSession();
  const refused = (p: SubnetPool) => (isAdmin || p.project_id === projectId ? undefined : t('notYours'));
  const tags = useTags<SubnetPool>({ refused, save: (p, all) => setTags('subnetpool', p.id, all) });
  const { actions, dialog } = useEditDelete<SubnetPool>({
    edit: (before, onClose) => <PoolForm before={before} onClose={onClose} />,
    refused,
    more: [tags.action],
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteText'),
    }),
    remove: (p) => remove('subnetpool', p.id),
    onDeleted,
  });
  return { actions, dialog: dialog ?? tags.dialog };
}
