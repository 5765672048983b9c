import ProgressBar from '@cloudscape-design/components/progress-bar';
import { useTranslation } from 'react-i18next';
import { type IPAvailability, useIPAvailability } from '~/api/network';
import { formatNumber } from '~/ui/format';
import { ResourceTable } from '~/ui/ResourceTable';

type Row = IPAvailability['subnet_ip_availability'][number] & { id: string; name: string };

const share = (row: Row): number => (row.total_ips === 0 ? 0 : (100 * row.used_ips) / row.total_ips);

/** The API counts no further than 2^63-1, which stands for all that is more; no pool is ever used up to that. */
const uncounted = Number.MAX_SAFE_INTEGER;

/** How many addresses of each subnet are in use. */
export function AddressesTab({ network }: { network: string }) {
  const { t } = useTranslation('networks');
  const query = useIPAvailability(network);
  const count = (n: number) => (n > uncounted ? t('countless') : formatNumber(n));
  const rows = query.data?.subnet_ip_availability.map(
    (s): Row => ({ ...s, id: s.subnet_id, name: s.subnet_name || s.cidr }),
  );
  return (
    <ResourceTable
      id="addresses"
      title={t('addresses')}
      description={
        query.data && t('addressesUse', { used: formatNumber(query.data.used_ips), total: count(query.data.total_ips) })
      }
      query={{ ...query, data: rows }}
      columns={[
        { id: 'name', header: t('subnet.name'), cell: (r) => r.name, value: (r) => r.name },
        { id: 'cidr', header: t('subnet.cidr'), cell: (r) => r.cidr, value: (r) => r.cidr },
        { id: 'used', header: t('used'), cell: (r) => formatNumber(r.used_ips), value: (r) => r.used_ips },
        { id: 'total', header: t('total'), cell: (r) => count(r.total_ips), value: (r) => r.total_ips },
        {
          id: 'share',
          header: t('share'),
          cell: (r) => (
            <ProgressBar
              value={share(r)}
              ariaLabel={t('addressesUse', { used: formatNumber(r.used_ips), total: count(r.total_ips) })}
            />
          ),
          value: share,
        },
      ]}
      empty={{ title: t('subnet.empty') }}
    />
  );
}
