import Box from '@cloudscape-design/components/box';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import { useTranslation } from 'react-i18next';
import { type Capacity, useCapacity } from '~/api/placement';
import { formatGiB, formatMiB, formatNumber } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { shareOf } from './capacity';

const classes = [
  { name: 'VCPU', words: 'vcpus', format: (n: number) => formatNumber(n) },
  { name: 'MEMORY_MB', words: 'ram', format: formatMiB },
  { name: 'DISK_GB', words: 'disk', format: formatGiB },
] as const;

export type ResourceClass = (typeof classes)[number]['name'];

/** What instances have of a host, in a cell of a list. Rows that are not on the screen ask for nothing. */
export function CapacityCell({ host, resource }: { host: string; resource: ResourceClass }) {
  const { t } = useTranslation('hosts');
  const { data } = useCapacity(host);
  const capacity = data?.[resource];
  const { words, format } = classes.find((c) => c.name === resource) ?? classes[0];
  if (!capacity) return <>–</>;
  const { used, usable, percent } = shareOf(capacity);
  return (
    <ProgressBar
      value={percent}
      ariaLabel={t(words)}
      variant="standalone"
      additionalInfo={t('usedOf', { used: format(used), usable: format(usable) })}
    />
  );
}

/** What instances have of a host, and how that follows from what the host has. */
export function CapacityBars({ host }: { host: string }) {
  return (
    <Loaded query={useCapacity(host)}>
      {(capacity) => (
        <ColumnLayout columns={3}>
          {classes.map((c) => {
            const one = capacity[c.name];
            return one && <Bar key={c.name} words={c.words} format={c.format} capacity={one} />;
          })}
        </ColumnLayout>
      )}
    </Loaded>
  );
}

function Bar({ words, format, capacity }: { words: string; format(n: number): string; capacity: Capacity }) {
  const { t } = useTranslation('hosts');
  const { used, usable, percent } = shareOf(capacity);
  const { total, reserved, allocation_ratio } = capacity;
  return (
    <div>
      <ProgressBar
        label={t(words)}
        value={percent}
        description={t('usedOf', { used: format(used), usable: format(usable) })}
      />
      <Box color="text-body-secondary" fontSize="body-s">
        {t('capacityFrom', {
          total: format(total),
          reserved: format(reserved),
          ratio: formatNumber(allocation_ratio, 2),
        })}
      </Box>
    </div>
  );
}
