import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Network } from '~/api/network';
import { remove, setTags } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { type Action, opens } from '~/ui/actions';
import { useTags } from '~/ui/useTags';
import { NetworkDeletion } from './Deletions';
import { NetworkForm } from './NetworkForm';

/** What can be done to networks, and the dialog that it opens. */
export function useNetworkActions(onDeleted?: () => void): { actions: Action<Network>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('networks');
  const { isAdmin, projectId } = useSession();
  const [edited, setEdited] = useState<Network>();
  const refused = (n: Network) => (isAdmin || n.project_id === projectId ? undefined : t('notYours'));
  const tags = useTags<Network>({ refused, save: (n, all) => setTags('network', n.id, all) });
  return {
    dialog: edited ? <NetworkForm before={edited} onClose={() => setEdited(undefined)} /> : tags.dialog,
    actions: [
      opens({ id: 'edit', text: t('common:edit'), refused, open: setEdited }),
      tags.action,
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        refused,
        question: (items) => ({
          title: t('deleteTitle', { count: items.length }),
          body: <NetworkDeletion networks={items} />,
        }),
        run: async (n) => {
          await remove('network', n.id);
          onDeleted?.();
        },
      },
    ],
  };
}
