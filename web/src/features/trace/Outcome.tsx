import Alert from '@cloudscape-design/components/alert';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { type Trace, usePorts, useSecurityGroups } from '~/api/network';
import { useSession } from '~/app/useSession';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { type Advice, adviceOf, packetWords, pathOf } from './advice';

/** Whether the packet arrives, and if not, what to do about it. */
export function Outcome({ trace }: { trace: Trace }) {
  const { t } = useTranslation('trace');
  const words = { source: trace.source, destination: trace.destination, what: packetWords(trace) };
  const advice = adviceOf(trace);
  return (
    <SpaceBetween size="s">
      <div data-testid="outcome">
        {trace.reached ? (
          <Alert type="success" header={t('reached', words)}>
            {t('reachedText')}
          </Alert>
        ) : (
          <Alert type="error" header={t('notReached', words)}>
            {advice ? <Mend advice={advice} trace={trace} /> : t('unknownEnd')}
          </Alert>
        )}
      </div>
      {trace.disagreement && (
        <Alert type="warning" header={t('disagreement')}>
          {trace.disagreement}
        </Alert>
      )}
    </SpaceBetween>
  );
}

function Mend({ advice: { step, word }, trace }: { advice: Advice; trace: Trace }) {
  const { t } = useTranslation('trace');
  const path = pathOf(step);
  const rules = word === 'ingress' || word === 'egress';
  return (
    <SpaceBetween size="xs">
      <div>{step.reason}</div>
      <div>
        {t(`advice.${word}`, {
          what: packetWords(trace),
          remote: word === 'ingress' ? trace.source : trace.destination,
        })}
      </div>
      {rules ? (
        <Groups advice={{ step, word }} />
      ) : (
        path &&
        step.resource_type && <Go to={path}>{t('openResource', { what: t(`resource.${step.resource_type}`) })}</Go>
      )}
    </SpaceBetween>
  );
}

/** The security groups where a rule is missing: the one that the step names, or those of the port that it names. */
function Groups({ advice: { step } }: { advice: Advice }) {
  const { t } = useTranslation('trace');
  const { projectId } = useSession();
  const id = step.resource_id ?? '';
  const ofPort = step.resource_type === 'port' && id !== '';
  const port = usePorts({ id }, ofPort).data?.[0];
  const known = useSecurityGroups(projectId, true).data ?? [];
  const groups = ofPort ? (port?.security_groups ?? []) : id ? [id] : [];
  if (ofPort && port && groups.length === 0) return <Go to={`/ports/${id}`}>{t('noGroups')}</Go>;
  return (
    <SpaceBetween direction="horizontal" size="m">
      {groups.map((group) => {
        const found = known.find((g) => g.id === group);
        return (
          <Go key={group} to={`/security-groups/${group}`}>
            {t('openGroup', { name: found ? nameOf(found) : group })}
          </Go>
        );
      })}
    </SpaceBetween>
  );
}
