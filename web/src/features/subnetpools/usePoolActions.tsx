import { useTranslation } from 'react-i18next';
import type { SubnetPool } from '~/api/networkSharing';
import { remove } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { useEditDelete } from '~/ui/useEditDelete';
import { PoolForm } from './PoolForm';

/** What can be done to subnet pools, and the dialog that it opens. */
export function usePoolActions(onDeleted?: () => void) {
  const { t } = useTranslation('subnetpools');
  const { isAdmin, projectId } = useSession();
  return useEditDelete<SubnetPool>({
    edit: (before, onClose) => <PoolForm before={before} onClose={onClose} />,
    refused: (p) => (isAdmin || p.project_id === projectId ? undefined : t('notYours')),
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteText'),
    }),
    remove: (p) => remove('subnetpool', p.id),
    onDeleted,
  });
}
