import StatusIndicator from '@cloudscape-design/components/status-indicator';
import type { UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/app/useSession';
import { Copyable } from '~/ui/Copyable';
import { formatSeconds } from '~/ui/format';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import type { Answered, ServiceCheck } from './checks';

interface Row extends ServiceCheck {
  id: string;
  name: string;
  endpoints: { interface: string; url: string }[];
}

/** Whether something answered, how fast, and why not. */
export function AnsweredCell({ answered }: { answered: Answered }) {
  return answered.ok ? (
    <StatusIndicator type="success">{formatSeconds(answered.milliseconds / 1000)}</StatusIndicator>
  ) : (
    <StatusIndicator type="error">{answered.reason}</StatusIndicator>
  );
}

/** The services of the catalog, each asked from this browser. */
export function Services({ query }: { query: UseQueryResult<ServiceCheck[]> }) {
  const { t } = useTranslation('system');
  const { body, region } = useSession();
  const rows = query.data?.map((check): Row => {
    const entry = body.catalog?.find((e) => e.type === check.type);
    const endpoints = (entry?.endpoints ?? []).filter((e) => e.region_id === region);
    return { ...check, id: check.type, name: entry?.name ?? check.type, endpoints };
  });
  const columns: Column<Row>[] = [
    { id: 'name', header: t('service'), cell: (r) => `${r.name} (${r.type})`, value: (r) => r.name, width: 180 },
    {
      id: 'document',
      header: t('answers'),
      cell: (r) => <AnsweredCell answered={r.document} />,
      value: (r) => r.document.milliseconds,
      width: 150,
    },
    {
      id: 'list',
      header: t('answersList'),
      cell: (r) => <AnsweredCell answered={r.list} />,
      value: (r) => r.list.milliseconds,
      width: 170,
    },
    {
      id: 'version',
      header: t('apiVersion'),
      cell: (r) => (r.oldest ? t('versions', { oldest: r.oldest, newest: r.version }) : r.version || '–'),
      value: (r) => r.version,
      width: 150,
    },
    {
      id: 'endpoints',
      header: t('endpoints'),
      cell: (r) => <Endpoints endpoints={r.endpoints} />,
      value: (r) => r.endpoints.map((e) => e.url).join(' '),
      width: 400,
    },
  ];
  return (
    <ResourceTable
      id="system-services"
      title={t('services')}
      description={t('servicesText')}
      query={{ ...query, data: rows }}
      columns={columns}
      wrap
      empty={{ title: t('none') }}
    />
  );
}

/** A service has mostly the same address for everybody, which is then said once. */
function Endpoints({ endpoints }: { endpoints: Row['endpoints'] }) {
  const { t } = useTranslation('system');
  const urls = [...new Set(endpoints.map((e) => e.url))];
  return (
    <>
      {urls.map((url) => (
        <div key={url}>
          <Copyable text={url} /> (
          {endpoints
            .filter((e) => e.url === url)
            .map((e) => t(`interface.${e.interface}`))
            .join(', ')}
          )
        </div>
      ))}
    </>
  );
}
