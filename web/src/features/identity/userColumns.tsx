import { useTranslation } from 'react-i18next';
import type { User } from '~/api/identity';
import { useColumns } from '~/ui/columns';
import type { Column } from '~/ui/ResourceTable';
import { useDomainName } from './names';

export function useUserColumns(): Column<User>[] {
  const { t } = useTranslation('identity');
  const column = useColumns();
  const domain = useDomainName();
  return [
    column.name('/users'),
    column.id(true),
    {
      id: 'domain',
      header: t('common:domain'),
      cell: (u) => domain(u.domain_id),
      value: (u) => domain(u.domain_id),
    },
    { id: 'email', header: t('user.email'), cell: (u) => u.email || '–', value: (u) => u.email },
    column.enabled(),
    column.description(),
  ];
}
