import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import { useTranslation } from 'react-i18next';
import { type AbsoluteLimits, useLimits } from '~/api/compute';
import { type QuotaDetail, useNetworkQuotas } from '~/api/network';
import { useSession } from '~/app/useSession';
import { formatMiB, formatNumber } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { lookOf } from './arcs';
import { Donut } from './Donut';

interface Use {
  name: string;
  used: number;
  /** -1 is no limit. */
  limit: number;
  format?(n: number): string;
}

const computeUses = (l: AbsoluteLimits): Use[] => [
  { name: 'instances', used: l.totalInstancesUsed, limit: l.maxTotalInstances },
  { name: 'cores', used: l.totalCoresUsed, limit: l.maxTotalCores },
  { name: 'ram', used: l.totalRAMUsed, limit: l.maxTotalRAMSize, format: formatMiB },
  { name: 'serverGroups', used: l.totalServerGroupsUsed, limit: l.maxServerGroups },
];

const networkOrder = ['network', 'subnet', 'port', 'router', 'floatingip', 'security_group', 'security_group_rule'];
const networkUses = (quotas: Record<string, QuotaDetail>): Use[] =>
  networkOrder.flatMap((name) => {
    const quota = quotas[name];
    return quota ? [{ name, used: quota.used, limit: quota.limit }] : [];
  });

/** How much of what the project may have it has. */
export function Quotas() {
  const { t } = useTranslation('overview');
  const { projectId } = useSession();
  return (
    <>
      <Container header={<Header variant="h2">{t('quota.compute')}</Header>}>
        <Loaded query={useLimits()}>{(limits) => <Rings uses={computeUses(limits)} />}</Loaded>
      </Container>
      <Container header={<Header variant="h2">{t('quota.networkQuotas')}</Header>}>
        <Loaded query={useNetworkQuotas(projectId)}>{(quotas) => <Rings uses={networkUses(quotas)} />}</Loaded>
      </Container>
    </>
  );
}

function Rings({ uses }: { uses: Use[] }) {
  const { t } = useTranslation('overview');
  return (
    <div className="donuts">
      {uses.map(({ name, used, limit, format = formatNumber }) => (
        <Donut
          key={name}
          slices={[{ look: lookOf(used, limit), value: used }]}
          whole={limit}
          middle={limit > 0 ? `${formatNumber(Math.min((used / limit) * 100, 100))}%` : ''}
          label={t(`quota.${name}`)}
          note={
            limit < 0
              ? t('common:quotaUseNoLimit', { used: format(used) })
              : t('quota.of', { used: format(used), limit: format(limit) })
          }
        />
      ))}
    </div>
  );
}
