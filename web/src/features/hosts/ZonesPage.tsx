import { useTranslation } from 'react-i18next';
import { useHypervisors, useZones } from '~/api/compute';
import { formatAge } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';

/** A service of a host of a zone; a zone without hosts has one row without both. */
interface Row {
  id: string;
  name: string;
  available: boolean;
  host: string;
  binary: string;
  service?: { available: boolean; active: boolean; updated_at: string | null };
}

export default function ZonesPage() {
  const { t } = useTranslation('hosts');
  const query = useZones(true);
  const hypervisors = useHypervisors();
  const title = t('common:nav.items.zones');
  const rows = query.data?.flatMap((z): Row[] => {
    const zone = { name: z.zoneName, available: z.zoneState.available };
    const services = Object.entries(z.hosts ?? {}).flatMap(([host, of]) =>
      Object.entries(of).map(([binary, service]) => ({
        ...zone,
        id: `${z.zoneName}/${host}/${binary}`,
        host,
        binary,
        service,
      })),
    );
    return services.length > 0 ? services : [{ ...zone, id: z.zoneName, host: '', binary: '' }];
  });
  const columns: Column<Row>[] = [
    { id: 'name', header: t('zone'), cell: (r) => r.name, value: (r) => r.name },
    {
      id: 'available',
      header: t('zoneState'),
      cell: (r) => <Status value={r.available ? 'AVAILABLE' : 'DISABLED'} />,
      value: (r) => r.available,
    },
    {
      id: 'host',
      header: t('host'),
      cell: (r) => {
        const found = hypervisors.data?.find((h) => h.service.host === r.host);
        return found ? <Go to={`/hypervisors/${found.id}`}>{r.host}</Go> : r.host || '–';
      },
      value: (r) => r.host,
    },
    { id: 'binary', header: t('binary'), cell: (r) => r.binary || '–', value: (r) => r.binary },
    {
      id: 'state',
      header: t('state'),
      cell: (r) => (r.service ? <Status value={r.service.available ? 'UP' : 'DOWN'} /> : '–'),
      value: (r) => r.service?.available,
    },
    {
      id: 'active',
      header: t('service'),
      cell: (r) => (r.service ? <Status value={r.service.active ? 'ENABLED' : 'DISABLED'} /> : '–'),
      value: (r) => r.service?.active,
    },
    {
      id: 'seen',
      header: t('seen'),
      cell: (r) => formatAge(r.service?.updated_at),
      value: (r) => r.service?.updated_at,
    },
  ];
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/zones' }]} />
      <ResourceTable
        id="zones"
        title={title}
        description={
          <>
            {t('zonesText')} <Go to="/aggregates">{t('common:nav.items.aggregates')}</Go>
          </>
        }
        query={{ ...query, data: rows }}
        columns={columns}
        empty={{ title: t('noZones') }}
      />
    </>
  );
}
