import { useTranslation } from 'react-i18next';
import { deletePolicy, type QoSPolicy, setPolicyTags } from '~/api/qos';
import { useSession } from '~/app/useSession';
import { useEditDelete } from '~/ui/useEditDelete';
import { useTags } from '~/ui/useTags';
import { PolicyForm } from './PolicyForm';

/** What can be done to QoS policies, and the dialog that it opens. */
export function usePolicyActions(onDeleted?: () => void) {
  const { t } = useTranslation('qos');
  const { isAdmin, projectId } = useSession();
  const refused = (p: QoSPolicy) => (isAdmin || p.project_id === projectId ? undefined : t('notYours'));
  const tags = useTags<QoSPolicy>({ refused, save: (p, all) => setPolicyTags(p.id, all) });
  const { actions, dialog } = useEditDelete<QoSPolicy>({
    edit: (before, onClose) => <PolicyForm before={before} onClose={onClose} />,
    refused,
    more: [tags.action],
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteText'),
    }),
    remove: (p) => deletePolicy(p.id),
    onDeleted,
  });
  return { actions, dialog: dialog ?? tags.dialog };
}
