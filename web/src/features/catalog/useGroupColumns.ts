import { useTranslation } from 'react-i18next';
import type { EndpointGroup } from '~/api/endpointGroups';
import { useColumns } from '~/ui/columns';
import type { Column } from '~/ui/ResourceTable';
import { useFilterWords } from './useFilterWords';

/** What lists of endpoint groups show. */
export function useGroupColumns(): Column<EndpointGroup>[] {
  const { t } = useTranslation('catalog');
  const column = useColumns<EndpointGroup>();
  const words = useFilterWords();
  return [
    column.name('/catalog'),
    column.text('service', t('service'), (g) => words(g).service),
    column.text('region', t('common:region'), (g) => words(g).region),
    column.text('interface', t('interface'), (g) => words(g).kind),
    column.description(),
    column.id(),
  ];
}
