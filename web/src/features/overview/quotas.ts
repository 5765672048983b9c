import type { AbsoluteLimits } from '~/api/compute';
import type { QuotaDetail } from '~/api/network';

/** Use of one quota; limit -1 is none. */
export interface QuotaUse {
  id: string;
  used: number;
  limit: number;
  unit?: 'MiB';
}

/** quotasOf are the quotas that people meet first, of compute and of the network. */
export function quotasOf(compute?: AbsoluteLimits, network?: Record<string, QuotaDetail>): QuotaUse[] {
  const found: QuotaUse[] = [];
  if (compute) {
    found.push(
      { id: 'instances', used: compute.totalInstancesUsed, limit: compute.maxTotalInstances },
      { id: 'vcpus', used: compute.totalCoresUsed, limit: compute.maxTotalCores },
      { id: 'ram', used: compute.totalRAMUsed, limit: compute.maxTotalRAMSize, unit: 'MiB' },
    );
  }
  for (const id of ['network', 'port', 'router', 'floatingip', 'security_group']) {
    const quota = network?.[id];
    if (quota) found.push({ id, used: quota.used, limit: quota.limit });
  }
  return found;
}
