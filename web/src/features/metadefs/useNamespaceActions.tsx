import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Namespace } from '~/api/metadef';
import { type Action, opens } from '~/ui/actions';
import { deleteNamespace } from './mutations';
import { NamespaceForm } from './NamespaceForm';

/** A namespace as lists want their things. */
export type Row = Namespace & { id: string; name: string };
export const rowOf = (n: Namespace): Row => ({ ...n, id: n.namespace, name: n.namespace });

/** What can be done to namespaces, and the dialog that it opens. */
export function useNamespaceActions(onDeleted?: () => void): { actions: Action<Row>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('metadefs');
  const [edited, setEdited] = useState<Row>();
  return {
    dialog: edited ? <NamespaceForm before={edited} onClose={() => setEdited(undefined)} /> : null,
    actions: [
      opens({ id: 'edit', text: t('common:edit'), open: (n: Row) => setEdited(n) }),
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        refused: (n) => (n.protected ? t('isProtected') : undefined),
        question: (items) => ({
          title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
          body: t('deleteText'),
        }),
        run: async (n) => {
          await deleteNamespace(n.namespace);
          onDeleted?.();
        },
      },
    ],
  };
}
