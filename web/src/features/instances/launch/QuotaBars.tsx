import ColumnLayout from '@cloudscape-design/components/column-layout';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import { useTranslation } from 'react-i18next';
import { formatMiB, formatNumber } from '~/ui/format';
import { exceeds, type QuotaLine } from './fits';

/** What a request takes of the project's quota, and what is left. */
export function QuotaBars({ lines }: { lines: QuotaLine[] }) {
  const { t } = useTranslation('instances');
  return (
    <ColumnLayout columns={3}>
      {lines.map((line) => {
        const amount = (n: number) => (line.resource === 'ram' && n > 0 ? formatMiB(n) : formatNumber(n));
        const { used, adds, limit } = line;
        const label = t(`quota.${line.resource}`);
        if (limit < 0) {
          return (
            <div key={line.resource}>
              <div>{label}</div>
              {t('launch.quotaNoLimit', { used: amount(used), adds: amount(adds) })}
            </div>
          );
        }
        return (
          <ProgressBar
            key={line.resource}
            label={label}
            value={limit === 0 ? 100 : Math.min(100, Math.round(((used + adds) / limit) * 100))}
            description={t('launch.quotaUse', { used: amount(used), adds: amount(adds), limit: amount(limit) })}
            additionalInfo={
              exceeds(line)
                ? t('launch.quotaOver', { over: amount(used + adds - limit) })
                : t('launch.quotaLeft', { left: amount(limit - used - adds) })
            }
          />
        );
      })}
    </ColumnLayout>
  );
}
