import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { type Server, useLimits, useServers } from '~/api/compute';
import { useHealth } from '~/api/health';
import { useNetworkQuotas } from '~/api/network';
import { useSession } from '~/app/useSession';
import { formatAge, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { FirstSteps } from './FirstSteps';
import { quotasOf } from './quotas';
import { stepsOf } from './steps';
import { useRecent } from './useRecent';
import { useThere } from './useThere';

// Charts come after the rest of the page.
const QuotaCharts = lazy(() => import('./Charts').then((m) => ({ default: m.QuotaCharts })));
const StateChart = lazy(() => import('./Charts').then((m) => ({ default: m.StateChart })));

export default function OverviewPage() {
  const { t } = useTranslation('overview');
  const { projectId, isAdmin, body } = useSession();
  const { there, failed } = useThere(projectId);
  return (
    <>
      <Crumbs trail={[]} />
      <SpaceBetween size="l">
        <Header variant="h1" description={t('projectText', { project: body.project?.name })}>
          {t('common:nav.items.overview')}
        </Header>
        {failed && <Alert type="warning">{t('partial')}</Alert>}
        {isAdmin && <CloudHealth />}
        <FirstSteps steps={stepsOf(there, projectId)} />
        <Quotas project={projectId} />
        <Instances />
      </SpaceBetween>
    </>
  );
}

/** One line for administrators, when a part of the cloud does not work. */
function CloudHealth() {
  const { t } = useTranslation('overview');
  const { data } = useHealth();
  if (!data || data.ok) return null;
  const broken = Object.entries(data.parts).filter(([, ok]) => !ok);
  return (
    <Alert type="error" header={t('unhealthy', { parts: broken.map(([part]) => part).join(', ') })}>
      <Go to="/system">{t('common:nav.items.system')}</Go>
    </Alert>
  );
}

function Quotas({ project }: { project: string }) {
  const { t } = useTranslation('overview');
  const compute = useLimits();
  const network = useNetworkQuotas(project);
  const refetch = () => Promise.all([compute.refetch(), network.refetch()]);
  const some = compute.data !== undefined || network.data !== undefined;
  const query = {
    data: some ? quotasOf(compute.data, network.data) : undefined,
    error: compute.error && network.error,
    refetch,
  };
  const partial = (compute.error && !compute.data) || (network.error && !network.data);
  return (
    <Container header={<Header variant="h2">{t('quotas')}</Header>} data-testid="quotas">
      <Loaded query={query}>
        {(quotas) => (
          <SpaceBetween size="m">
            {partial && (
              <Alert type="warning" action={<Button onClick={() => void refetch()}>{t('common:retry')}</Button>}>
                {t('quotasPartial')}
              </Alert>
            )}
            <Suspense fallback={<Spinner size="large" />}>
              <QuotaCharts quotas={quotas} />
            </Suspense>
          </SpaceBetween>
        )}
      </Loaded>
    </Container>
  );
}

function Instances() {
  const { t } = useTranslation('overview');
  const query = useServers();
  return (
    <div className="overview-columns">
      <Container header={<Header variant="h2">{t('byState')}</Header>} data-testid="by-state" fitHeight>
        <Loaded query={query}>
          {(servers) => (
            <Suspense fallback={<Spinner size="large" />}>
              <StateChart servers={servers} />
            </Suspense>
          )}
        </Loaded>
      </Container>
      <Container header={<Header variant="h2">{t('recent')}</Header>} data-testid="recent" fitHeight>
        <Loaded query={query}>{(servers) => <RecentActions servers={servers} />}</Loaded>
      </Container>
    </div>
  );
}

function RecentActions({ servers }: { servers: Server[] }) {
  const { t } = useTranslation('overview');
  const recent = useRecent(servers);
  if (recent === undefined) return <Spinner />;
  if (recent === null) return <Box color="text-body-secondary">{t('common:loadFailed')}</Box>;
  if (recent.length === 0) return <Box color="text-body-secondary">{t('noActions')}</Box>;
  return (
    <ul className="recent-actions">
      {recent.map((a) => (
        <li key={`${a.server.id} ${a.request_id}`}>
          <StatusIndicator type={a.message ? 'error' : 'success'}>
            {t(`action.${a.action}`, { defaultValue: a.action })}
          </StatusIndicator>{' '}
          <Go to={`/instances/${a.server.id}?tab=actions`}>{nameOf(a.server)}</Go>{' '}
          <Box variant="span" color="text-body-secondary">
            {formatAge(a.start_time)}
          </Box>
        </li>
      ))}
    </ul>
  );
}
