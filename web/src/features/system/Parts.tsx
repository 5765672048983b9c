import type { UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Health, PartHealth } from '~/api/health';
import { formatSeconds } from '~/ui/format';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Mend } from './Mend';
import { AnsweredCell } from './Services';

interface Row extends PartHealth {
  id: string;
  name: string;
}

/** The parts of the cloud as the server itself finds them: GET /healthz. */
export function Parts({ query }: { query: UseQueryResult<Health> }) {
  const { t } = useTranslation('system');
  const rows = query.data && Object.entries(query.data.details).map(([id, part]): Row => ({ ...part, id, name: id }));
  const label = (name: string) => t(`part.${name}`, { defaultValue: name });
  const columns: Column<Row>[] = [
    { id: 'name', header: t('partLabel'), cell: (r) => label(r.name), value: (r) => label(r.name), width: 150 },
    {
      id: 'state',
      header: t('answers'),
      cell: (r) => <AnsweredCell answered={r} />,
      value: (r) => r.milliseconds,
      width: 270,
    },
    {
      id: 'detail',
      header: t('detail'),
      cell: (r) =>
        r.hosts === undefined ? '–' : t('hosts', { count: r.hosts, age: formatSeconds(r.last_heartbeat_seconds ?? 0) }),
      width: 280,
    },
    {
      id: 'mend',
      header: t('mend'),
      cell: (r) => (r.ok || !r.mend ? '–' : <Mend mend={r.mend} />),
      value: (r) => r.mend,
      width: 280,
    },
  ];
  return (
    <ResourceTable
      id="system-parts"
      title={t('parts')}
      description={t('partsText')}
      query={{ ...query, data: rows }}
      columns={columns}
      wrap
      empty={{ title: t('none') }}
    />
  );
}
