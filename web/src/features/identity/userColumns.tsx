import { useTranslation } from 'react-i18next';
import type { User } from '~/api/identity';
import { Copyable } from '~/ui/Copyable';
import { Go } from '~/ui/Go';
import type { Column } from '~/ui/ResourceTable';
import { EnabledStatus } from './EnabledStatus';
import { useDomainName } from './names';

export function useUserColumns(): Column<User>[] {
  const { t } = useTranslation('identity');
  const domain = useDomainName();
  return [
    {
      id: 'name',
      header: t('common:name'),
      cell: (u) => <Go to={`/users/${u.id}`}>{u.name}</Go>,
      value: (u) => u.name,
    },
    { id: 'id', header: t('common:id'), cell: (u) => <Copyable text={u.id} />, value: (u) => u.id, width: 300 },
    {
      id: 'domain',
      header: t('common:domain'),
      cell: (u) => domain(u.domain_id),
      value: (u) => domain(u.domain_id),
    },
    { id: 'email', header: t('user.email'), cell: (u) => u.email || '–', value: (u) => u.email },
    {
      id: 'enabled',
      header: t('common:statusLabel'),
      cell: (u) => <EnabledStatus value={u.enabled} />,
      value: (u) => t(u.enabled ? 'common:status.ENABLED' : 'common:status.DISABLED'),
    },
    {
      id: 'description',
      header: t('common:description'),
      cell: (u) => u.description || '–',
      value: (u) => u.description,
      width: 300,
    },
  ];
}
