import { useTranslation } from 'react-i18next';
import type { RBACPolicy } from '~/api/networkSharing';
import { remove } from '~/api/networkWrite';
import { useEditDelete } from '~/ui/useEditDelete';

/** What can be done to the sharing of a thing: end it. */
export function useShareActions<T extends RBACPolicy & { name: string }>() {
  const { t } = useTranslation('sharing');
  return useEditDelete<T>({
    removeLabel: t('end'),
    question: (items) => ({
      title: t('endTitle', { count: items.length, name: items[0]?.name }),
      body: t('endText'),
    }),
    remove: (p) => remove('rbac_policy', p.id),
  }).actions;
}
