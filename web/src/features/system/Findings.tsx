import StatusIndicator from '@cloudscape-design/components/status-indicator';
import type { UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { NetworkAgent } from '~/api/network';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Mend } from './Mend';
import { findingsOf, type HostFinding } from './problems';

const types = { ok: 'success', warn: 'warning', fatal: 'error' } as const;

/** What each host found when it looked at itself, as `wisp doctor` says it there. */
export function Findings({ query }: { query: UseQueryResult<NetworkAgent[]> }) {
  const { t } = useTranslation('system');
  const columns: Column<HostFinding>[] = [
    {
      id: 'level',
      header: t('level.label'),
      cell: (f) => <StatusIndicator type={types[f.level]}>{t(`level.${f.level}`)}</StatusIndicator>,
      value: (f) => t(`level.${f.level}`),
      width: 110,
    },
    { id: 'host', header: t('host'), cell: (f) => f.host, value: (f) => f.host, width: 80 },
    { id: 'name', header: t('check'), cell: (f) => f.check, value: (f) => f.check, width: 130 },
    { id: 'detail', header: t('found'), cell: (f) => f.detail, value: (f) => f.detail, width: 300 },
    { id: 'breaks', header: t('breaks'), cell: (f) => f.breaks ?? '–', value: (f) => f.breaks, width: 180 },
    {
      id: 'mend',
      header: t('mend'),
      cell: (f) => (f.mend ? <Mend mend={f.mend} /> : '–'),
      value: (f) => f.mend,
      width: 220,
    },
  ];
  return (
    <ResourceTable
      id="system-findings"
      title={t('findings')}
      description={t('findingsText')}
      query={{ ...query, data: query.data && findingsOf(query.data) }}
      columns={columns}
      wrap
      empty={{ title: t('noFindings') }}
    />
  );
}
