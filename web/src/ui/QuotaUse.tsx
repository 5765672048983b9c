import StatusIndicator from '@cloudscape-design/components/status-indicator';
import type { UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';

interface Use {
  limit: number;
  used: number;
}

/** How much of a quota is used, beside the list that the quota limits. Nothing while it is not known. */
export function QuotaUse({
  query,
  resource,
}: {
  query: Pick<UseQueryResult<Record<string, Use>>, 'data'>;
  resource: string;
}) {
  const { t } = useTranslation();
  const quota = query.data?.[resource];
  if (!quota) return null;
  const { used, limit } = quota;
  if (limit < 0) return <>{t('quotaUseNoLimit', { used })}</>;
  if (used < limit) return <>{t('quotaUse', { used, limit })}</>;
  return <StatusIndicator type="warning">{t('quotaFull', { used, limit })}</StatusIndicator>;
}
