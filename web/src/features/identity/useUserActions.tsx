import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { User } from '~/api/identity';
import { useSession } from '~/app/useSession';
import { type Action, opens } from '~/ui/actions';
import { deleteUser, updateUser } from './mutations';
import { PasswordForm } from './PasswordForm';
import { UserForm } from './UserForm';

/** What can be done to users, and the dialog that it opens. */
export function useUserActions(onDeleted?: () => void): { actions: Action<User>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('identity');
  const { body } = useSession();
  const [edited, setEdited] = useState<User>();
  const [renewed, setRenewed] = useState<User>();
  const own = (u: User, words: string) => (u.id === body.user.id ? words : undefined);
  let dialog: ReactElement | null = null;
  if (edited) dialog = <UserForm before={edited} onClose={() => setEdited(undefined)} />;
  if (renewed) dialog = <PasswordForm user={renewed} onClose={() => setRenewed(undefined)} />;
  return {
    dialog,
    actions: [
      opens<User>({ id: 'edit', text: t('common:edit'), open: setEdited }),
      opens<User>({
        id: 'password',
        text: t('user.setPassword'),
        refused: (u) => own(u, t('user.refusedPassword')),
        open: setRenewed,
      }),
      {
        id: 'enable',
        text: t('enable'),
        refused: (u) => (u.enabled ? t('refusedEnabled') : undefined),
        run: (u) => updateUser(u.id, { enabled: true }),
      },
      {
        id: 'disable',
        text: t('disable'),
        danger: true,
        refused: (u) => (u.enabled ? own(u, t('user.refusedOwn')) : t('refusedDisabled')),
        question: (items) => ({
          title: t('user.disableTitle', { count: items.length, name: items[0]?.name }),
          body: t('user.disableText'),
        }),
        run: (u) => updateUser(u.id, { enabled: false }),
      },
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        refused: (u) => own(u, t('user.refusedOwn')),
        question: (items) => ({
          title: t('user.deleteTitle', { count: items.length, name: items[0]?.name }),
          body: t('user.deleteText'),
        }),
        run: async (u) => {
          await deleteUser(u.id);
          onDeleted?.();
        },
      },
    ],
  };
}
