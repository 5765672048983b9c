import { useTranslation } from 'react-i18next';
import type { AddressGroup } from '~/api/networkSharing';
import { remove } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { useEditDelete } from '~/ui/useEditDelete';
import { AddressGroupForm } from './AddressGroupForm';

/** What can be done to address groups, and the dialog that it opens. */
export function useAddressGroupActions(onDeleted?: () => void) {
  const { t } = useTranslation('addressgroups');
  const { isAdmin, projectId } = useSession();
  return useEditDelete<AddressGroup>({
    edit: (before, onClose) => <AddressGroupForm before={before} onClose={onClose} />,
    refused: (g) => (isAdmin || g.project_id === projectId ? undefined : t('notYours')),
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteText'),
    }),
    remove: (g) => remove('address_group', g.id),
    onDeleted,
  });
}
