import { useTranslation } from 'react-i18next';
import type { Group } from '~/api/identity';
import { useColumns } from '~/ui/columns';
import type { Column } from '~/ui/ResourceTable';
import { useDomainName } from './names';

export function useGroupColumns(): Column<Group>[] {
  const { t } = useTranslation('identity');
  const column = useColumns();
  const domain = useDomainName();
  return [
    column.name('/groups'),
    column.id(true),
    {
      id: 'domain',
      header: t('common:domain'),
      cell: (g) => domain(g.domain_id),
      value: (g) => domain(g.domain_id),
    },
    column.description(),
  ];
}
