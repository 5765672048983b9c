import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Group } from '~/api/identity';
import { type Action, opens } from '~/ui/actions';
import { GroupForm } from './GroupForm';
import { deleteGroup } from './mutations';

/** What can be done to groups, and the dialog that it opens. */
export function useGroupActions(onDeleted?: () => void): { actions: Action<Group>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('identity');
  const [edited, setEdited] = useState<Group>();
  return {
    dialog: edited ? <GroupForm before={edited} onClose={() => setEdited(undefined)} /> : null,
    actions: [
      opens({ id: 'edit', text: t('common:edit'), open: setEdited }),
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        question: (items) => ({
          title: t('group.deleteTitle', { count: items.length, name: items[0]?.name }),
          body: t('group.deleteText'),
        }),
        run: async (g) => {
          await deleteGroup(g.id);
          onDeleted?.();
        },
      },
    ],
  };
}
