import { useTranslation } from 'react-i18next';
import { deletePolicy, type QoSPolicy } from '~/api/qos';
import { useSession } from '~/app/useSession';
import { useEditDelete } from '~/ui/useEditDelete';
import { PolicyForm } from './PolicyForm';

/** What can be done to QoS policies, and the dialog that it opens. */
export function usePolicyActions(onDeleted?: () => void) {
  const { t } = useTranslation('qos');
  const { isAdmin, projectId } = useSession();
  return useEditDelete<QoSPolicy>({
    edit: (before, onClose) => <PolicyForm before={before} onClose={onClose} />,
    refused: (p) => (isAdmin || p.project_id === projectId ? undefined : t('notYours')),
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteText'),
    }),
    remove: (p) => deletePolicy(p.id),
    onDeleted,
  });
}
