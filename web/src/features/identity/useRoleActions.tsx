import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Role } from '~/api/identity';
import { type Action, opens } from '~/ui/actions';
import { deleteRole } from './mutations';
import { RoleForm } from './RoleForm';

/** What can be done to roles, and the dialog that it opens. */
export function useRoleActions(onDeleted?: () => void): { actions: Action<Role>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('identity');
  const [edited, setEdited] = useState<Role>();
  const fixed = (r: Role) => (r.options?.immutable ? t('role.refusedImmutable') : undefined);
  return {
    dialog: edited ? <RoleForm before={edited} onClose={() => setEdited(undefined)} /> : null,
    actions: [
      opens({ id: 'edit', text: t('common:edit'), refused: fixed, open: setEdited }),
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        refused: fixed,
        question: (items) => ({
          title: t('role.deleteTitle', { count: items.length, name: items[0]?.name }),
          body: t('role.deleteText'),
        }),
        run: async (r) => {
          await deleteRole(r.id);
          onDeleted?.();
        },
      },
    ],
  };
}
