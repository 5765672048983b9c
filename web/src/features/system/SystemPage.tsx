import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useComputeServices } from '~/api/compute';
import { lookEvery, useHealth } from '~/api/health';
import { useAgents } from '~/api/network';
import { formatTime } from '~/ui/format';
import { Crumbs } from '~/ui/Page';
import { Agents } from './Agents';
import { ComputeHosts } from './ComputeHosts';
import { useChecks } from './checks';
import { Findings } from './Findings';
import { Parts } from './Parts';
import { Problems } from './Problems';
import { Services } from './Services';

const resources = ['system', 'health', 'compute_service', 'agent', 'hypervisor'];

export default function SystemPage() {
  const { t } = useTranslation('system');
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const checks = useChecks();
  const health = useHealth();
  const services = useComputeServices(lookEvery);
  const agents = useAgents(true, lookEvery);
  const title = t('common:nav.items.system');
  const checkNow = async () => {
    setBusy(true);
    await Promise.all(resources.map((resource) => client.invalidateQueries({ queryKey: [resource] })));
    setBusy(false);
  };
  const checkedAt = checks.dataUpdatedAt ? new Date(checks.dataUpdatedAt).toISOString() : undefined;
  return (
    <SpaceBetween size="l">
      <Crumbs trail={[{ text: title, href: '/system' }]} />
      <Header
        variant="h1"
        description={checkedAt ? t('checkedAt', { time: formatTime(checkedAt) }) : t('checking')}
        actions={
          <Button iconName="refresh" loading={busy} onClick={() => void checkNow()} data-testid="check-now">
            {t('checkNow')}
          </Button>
        }
      >
        {title}
      </Header>
      <Problems health={health} checks={checks} services={services} agents={agents} />
      <Services query={checks} />
      <Parts query={health} />
      <Findings query={agents} />
      <ComputeHosts services={services} />
      <Agents query={agents} />
    </SpaceBetween>
  );
}
