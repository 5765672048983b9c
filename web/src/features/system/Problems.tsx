import Alert from '@cloudscape-design/components/alert';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { ComputeService } from '~/api/compute';
import { messageOf } from '~/api/error';
import type { Health } from '~/api/health';
import type { NetworkAgent } from '~/api/network';
import type { ServiceCheck } from './checks';
import { Mend } from './Mend';
import { findingsOf, type Problem, problemsOf } from './problems';

type Query<T> = Pick<UseQueryResult<T>, 'data' | 'error'>;

interface Props {
  health: Query<Health>;
  checks: Query<ServiceCheck[]>;
  services: Query<ComputeService[]>;
  agents: Query<NetworkAgent[]>;
}

/** What is broken now, in words, before everything else; or that nothing is. */
export function Problems({ health, checks, services, agents }: Props) {
  const { t } = useTranslation('system');
  const unknown = [health, checks, services, agents].filter((q) => q.error);
  const known = [health, checks, services, agents].every((q) => q.data);
  const problems = problemsOf({
    health: health.data,
    checks: checks.data,
    services: services.data,
    agents: agents.data,
  });
  // Parts have names of their own here; hosts, agents and services have the API's.
  const nameOf = ({ key, values }: Problem) =>
    key === 'part' ? t(`part.${values.name}`, { defaultValue: values.name }) : values.name;
  const warnings = findingsOf(agents.data ?? []).filter((f) => f.level === 'warn').length;
  return (
    <SpaceBetween size="s">
      {unknown.length > 0 && (
        <Alert type="error" header={t('unknownHeader')} data-testid="system-unknown">
          {messageOf(unknown[0]?.error)} {t('mendWith')} <Mend mend="wisp status" />
        </Alert>
      )}
      {problems.map((problem) => (
        <Alert
          key={problem.id}
          type="error"
          header={t(`problem.${problem.key}`, { ...problem.values, name: nameOf(problem) })}
          data-testid="system-problem"
        >
          <SpaceBetween size="xxs">
            {problem.values.reason && <span>{problem.values.reason}</span>}
            {problem.mend && (
              <span>
                {t('mendWith')} <Mend mend={problem.mend} />
              </span>
            )}
          </SpaceBetween>
        </Alert>
      ))}
      {known && problems.length === 0 && unknown.length === 0 && (
        <Alert type="success" header={t('allWell')} data-testid="system-well">
          {warnings > 0 ? t('warnings', { count: warnings }) : t('allWellText')}
        </Alert>
      )}
    </SpaceBetween>
  );
}
