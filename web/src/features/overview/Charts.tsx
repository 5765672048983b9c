import Box from '@cloudscape-design/components/box';
import PieChart from '@cloudscape-design/components/pie-chart';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { formatMiB, formatNumber } from '~/ui/format';
import type { QuotaUse } from './quotas';
import './overview.css';

/** What is used of each quota, a ring each. */
export function QuotaCharts({ quotas }: { quotas: QuotaUse[] }) {
  const { t } = useTranslation('overview');
  return (
    <div className="quota-charts">
      {quotas.map((q) => {
        const format = (n: number) => (q.unit === 'MiB' ? formatMiB(n) : formatNumber(n));
        const limited = q.limit >= 0;
        const left = Math.max(0, q.limit - q.used);
        const name = t(`quota.${q.id}`);
        return (
          <div key={q.id} data-testid={`quota-${q.id}`}>
            <PieChart
              variant="donut"
              size="small"
              hideFilter
              hideLegend
              hideTitles
              hideDescriptions
              ariaLabel={name}
              ariaDescription={limited ? t('quotaOf', { used: format(q.used), limit: format(q.limit) }) : t('noLimit')}
              innerMetricValue={format(q.used)}
              data={[
                { title: t('used'), value: limited ? q.used : 1 },
                { title: t('left'), value: limited ? left : 0, color: 'var(--quota-left, #8c8c9433)' },
              ]}
              detailPopoverContent={(d) => [{ key: d.title, value: limited ? format(d.value) : t('noLimit') }]}
            />
            <Box textAlign="center">
              <b>{name}</b>
              <div>{limited ? t('quotaOf', { used: format(q.used), limit: format(q.limit) }) : t('noLimit')}</div>
            </Box>
          </div>
        );
      })}
    </div>
  );
}

/** Instances by their state. */
export function StateChart({ servers }: { servers: Server[] }) {
  const { t, i18n } = useTranslation('overview');
  const counts = new Map<string, number>();
  for (const s of servers) counts.set(s.status, (counts.get(s.status) ?? 0) + 1);
  const words = (status: string) => (i18n.exists(`common:status.${status}`) ? t(`common:status.${status}`) : status);
  return (
    <PieChart
      variant="donut"
      size="medium"
      hideFilter
      ariaLabel={t('byState')}
      innerMetricValue={formatNumber(servers.length)}
      innerMetricDescription={t('common:nav.items.instances')}
      data={[...counts].sort().map(([status, value]) => ({ title: words(status), value }))}
      segmentDescription={(d) => formatNumber(d.value)}
      empty={t('noInstances')}
    />
  );
}
