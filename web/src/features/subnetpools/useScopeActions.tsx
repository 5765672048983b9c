import { useTranslation } from 'react-i18next';
import type { AddressScope } from '~/api/networkSharing';
import { remove } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { useEditDelete } from '~/ui/useEditDelete';
import { ScopeForm } from './ScopeForm';

/** What can be done to address scopes, and the dialog that it opens. */
export function useScopeActions(onDeleted?: () => void) {
  const { t } = useTranslation('subnetpools');
  const { isAdmin, projectId } = useSession();
  return useEditDelete<AddressScope>({
    edit: (before, onClose) => <ScopeForm before={before} onClose={onClose} />,
    refused: (s) => (isAdmin || s.project_id === projectId ? undefined : t('notYours')),
    question: (items) => ({
      title: t('scopes.deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('scopes.deleteText'),
    }),
    remove: (s) => remove('address_scope', s.id),
    onDeleted,
  });
}
