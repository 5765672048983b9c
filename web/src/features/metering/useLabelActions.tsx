import { useTranslation } from 'react-i18next';
import type { MeteringLabel } from '~/api/metering';
import { remove } from '~/api/networkWrite';
import { useEditDelete } from '~/ui/useEditDelete';

/** What can be done to metering labels: the API changes none. */
export function useLabelActions(onDeleted?: () => void) {
  const { t } = useTranslation('metering');
  return useEditDelete<MeteringLabel>({
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteText'),
    }),
    remove: (l) => remove('metering_label', l.id),
    onDeleted,
  }).actions;
}
