import { useTranslation } from 'react-i18next';
import type { Group } from '~/api/identity';
import { Copyable } from '~/ui/Copyable';
import { Go } from '~/ui/Go';
import type { Column } from '~/ui/ResourceTable';
import { useDomainName } from './names';

export function useGroupColumns(): Column<Group>[] {
  const { t } = useTranslation('identity');
  const domain = useDomainName();
  return [
    {
      id: 'name',
      header: t('common:name'),
      cell: (g) => <Go to={`/groups/${g.id}`}>{g.name}</Go>,
      value: (g) => g.name,
    },
    { id: 'id', header: t('common:id'), cell: (g) => <Copyable text={g.id} />, value: (g) => g.id, width: 300 },
    {
      id: 'domain',
      header: t('common:domain'),
      cell: (g) => domain(g.domain_id),
      value: (g) => domain(g.domain_id),
    },
    {
      id: 'description',
      header: t('common:description'),
      cell: (g) => g.description || '–',
      value: (g) => g.description,
      width: 300,
    },
  ];
}
