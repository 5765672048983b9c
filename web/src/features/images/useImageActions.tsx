import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import type { Image } from '~/api/image';
import { useSession } from '~/app/useSession';
import { type Action, opens } from '~/ui/actions';
import { nameOf } from '~/ui/format';
import { EditForm } from './EditForm';
import { changeImage, deleteImage, setActive } from './mutations';

/** What can be done to images, and the dialog that it opens. */
export function useImageActions(onDeleted?: () => void): { actions: Action<Image>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('images');
  const { projectId, isAdmin } = useSession();
  const navigate = useNavigate();
  const [dialog, setDialog] = useState<ReactElement | null>(null);
  const close = () => setDialog(null);
  const notMine = (i: Image) => (isAdmin || i.owner === projectId ? undefined : t('notYours'));
  const actions: Action<Image>[] = [
    opens({
      id: 'launch',
      text: t('launch'),
      refused: (i) => (i.status === 'active' ? undefined : t('notActive')),
      open: (i) => navigate(`/instances/launch?image=${i.id}`),
    }),
    opens({
      id: 'edit',
      text: t('common:edit'),
      refused: notMine,
      open: (i) => setDialog(<EditForm image={i} onClose={close} />),
    }),
    {
      id: 'protect',
      text: t('protect'),
      refused: (i) => notMine(i) ?? (i.protected ? t('isProtected') : undefined),
      run: (i) => changeImage(i, { protected: true }),
    },
    {
      id: 'unprotect',
      text: t('unprotect'),
      refused: (i) => notMine(i) ?? (i.protected ? undefined : t('isUnprotected')),
      run: (i) => changeImage(i, { protected: false }),
    },
    ...(isAdmin
      ? ([
          {
            id: 'deactivate',
            text: t('deactivate'),
            refused: (i) => (i.status === 'active' ? undefined : t('notActive')),
            question: (items) => ({
              title: t('deactivateTitle', { count: items.length, name: nameOf(items[0] as Image) }),
              body: t('deactivateText'),
            }),
            run: (i) => setActive(i.id, false),
          },
          {
            id: 'reactivate',
            text: t('reactivate'),
            refused: (i) => (i.status === 'deactivated' ? undefined : t('notDeactivated')),
            run: (i) => setActive(i.id, true),
          },
        ] satisfies Action<Image>[])
      : []),
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      refused: (i) => notMine(i) ?? (i.protected ? t('isProtected') : undefined),
      question: (items) => ({
        title: t('deleteTitle', { count: items.length, name: nameOf(items[0] as Image) }),
        body: t('deleteText', { names: items.map(nameOf).join(', ') }),
      }),
      run: async (i) => {
        await deleteImage(i.id);
        onDeleted?.();
      },
    },
  ];
  return { actions, dialog };
}
