import './trace.css';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import { useTranslation } from 'react-i18next';
import { type Trace, type TraceStep, useNetworks, usePorts, useRouters, useSecurityGroups } from '~/api/network';
import { useSession } from '~/app/useSession';
import { useServerNames } from '~/features/networks/useServerNames';
import { useRuleWords } from '~/features/securitygroups/useRuleWords';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { pathOf } from './advice';

const types: Record<TraceStep['verdict'], StatusIndicatorProps.Type> = {
  forwarded: 'info',
  accepted: 'success',
  dropped: 'error',
};

/** The way of the packet, step by step, from its source to where it ends. */
export function Path({ trace }: { trace: Trace }) {
  const { t } = useTranslation('trace');
  const nameFor = useNames(trace);
  return (
    <Container header={<Header variant="h2">{t('way')}</Header>}>
      <ol className="path" data-testid="path">
        <li className="path-step path-end">
          <Box variant="strong">{t('source', { address: trace.source })}</Box>
        </li>
        {trace.steps.map((step, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the steps have no state and change together
          <Step key={i} step={step} name={nameFor(step)} />
        ))}
        <li className={`path-step path-end ${trace.reached ? '' : 'path-dropped'}`}>
          <Box variant="strong">{t(trace.reached ? 'arrived' : 'neverArrived', { address: trace.destination })}</Box>
        </li>
      </ol>
    </Container>
  );
}

function Step({ step, name }: { step: TraceStep; name: string }) {
  const { t } = useTranslation('trace');
  const path = pathOf(step);
  return (
    <li className={`path-step path-${step.verdict}`} data-testid={`step-${step.hop}`}>
      <div className="path-head">
        <Box variant="strong">{t(`hop.${step.hop}`)}</Box>
        {path && name && <Go to={path}>{name}</Go>}
        <StatusIndicator type={types[step.verdict]}>{t(`verdict.${step.verdict}`)}</StatusIndicator>
      </div>
      <div>{step.reason}</div>
      {step.rule && <RuleLine rule={step.rule} />}
      {step.host && (
        <Box variant="small" color="text-body-secondary">
          {t('onHost', { host: step.host })}
        </Box>
      )}
    </li>
  );
}

/** The rule that lets the packet pass, in the words of its group's page. */
function RuleLine({ rule }: { rule: NonNullable<TraceStep['rule']> }) {
  const { t } = useTranslation('trace');
  const { projectId } = useSession();
  const groups = useSecurityGroups(projectId, true).data ?? [];
  const words = useRuleWords(groups);
  const group = groups.find((g) => g.id === rule.security_group_id);
  const spec = group?.security_group_rules.find((r) => r.id === rule.id);
  return (
    <div>
      {t('rule')}{' '}
      <Go to={`/security-groups/${rule.security_group_id}`}>
        {[group ? nameOf(group) : rule.security_group_id, spec && words.line(spec)].filter(Boolean).join(': ')}
      </Go>
    </div>
  );
}

/** useNames gives the names of what the steps are about. */
function useNames(trace: Trace): (step: TraceStep) => string {
  const { projectId } = useSession();
  const ids = trace.steps.flatMap((s) => (s.resource_type === 'port' && s.resource_id ? [s.resource_id] : []));
  const ports = usePorts({ id: [...new Set(ids)] }, ids.length > 0).data ?? [];
  const servers = useServerNames();
  const networks = useNetworks(projectId, true).data ?? [];
  const routers = useRouters(projectId, true).data ?? [];
  const groups = useSecurityGroups(projectId, true).data ?? [];
  const lists = { network: networks, router: routers, security_group: groups };
  return ({ resource_type: type, resource_id: id }) => {
    if (!type || !id) return '';
    if (type === 'floatingip') return id;
    if (type === 'port') {
      const port = ports.find((p) => p.id === id);
      return port ? (servers.get(port.device_id) ?? nameOf(port)) : id;
    }
    const found = lists[type].find((item) => item.id === id);
    return found ? nameOf(found) : id;
  };
}
