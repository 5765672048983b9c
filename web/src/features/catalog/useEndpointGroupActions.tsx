import { useTranslation } from 'react-i18next';
import { type EndpointGroup, endpointGroups } from '~/api/endpointGroups';
import { write } from '~/api/write';
import { useEditDelete } from '~/ui/useEditDelete';
import { EndpointGroupForm } from './EndpointGroupForm';

/** What can be done to endpoint groups, and the dialog that it opens. */
export function useEndpointGroupActions(onDeleted?: () => void) {
  const { t } = useTranslation('catalog');
  return useEditDelete<EndpointGroup>({
    edit: (before, close) => <EndpointGroupForm before={before} onClose={close} />,
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteGroupText'),
    }),
    remove: (g) => write(['endpoint_group'], 'identity', 'DELETE', `${endpointGroups}/${g.id}`),
    onDeleted,
  });
}
