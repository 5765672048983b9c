import { useTranslation } from 'react-i18next';
import type { Trust } from '~/api/delegation';
import { write } from '~/api/write';
import { useEditDelete } from '~/ui/useEditDelete';

/** What can be done to trusts that one has given: take them back. */
export function useTrustActions<T extends Trust & { name: string }>(onDeleted?: () => void) {
  const { t } = useTranslation('trusts');
  return useEditDelete<T>({
    removeLabel: t('revoke'),
    question: (items) => ({
      title: t('revokeTitle', { count: items.length, name: items[0]?.name }),
      body: t('revokeText'),
    }),
    remove: (trust) => write(['trust'], 'identity', 'DELETE', `/OS-TRUST/trusts/${trust.id}`),
    onDeleted,
  }).actions;
}
