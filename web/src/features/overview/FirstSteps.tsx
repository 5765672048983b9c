import Alert from '@cloudscape-design/components/alert';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { messageOf } from '~/api/error';
import { useSession } from '~/app/useSession';
import { Go } from '~/ui/Go';
import { type Step, stepsOf } from './steps';
import { useHave } from './useHave';

/** The way to a first instance that can be reached. Steps tick themselves off; when all are done, it folds itself away. */
export function FirstSteps() {
  const { t } = useTranslation('overview');
  const { have, error } = useHave();
  const steps = stepsOf(have);
  const done = steps.filter((s) => s.done).length;
  const known = steps.every((s) => s.done !== undefined);
  const all = done === steps.length;
  const [chosen, setChosen] = useState<boolean>();
  // Until all is known it stays folded, so that nothing jumps on a project that has everything.
  const expanded = chosen ?? (known && !all);
  return (
    <ExpandableSection
      variant="container"
      headerText={t('steps.title')}
      headerDescription={known ? t(all ? 'steps.all' : 'steps.some', { done, count: steps.length }) : undefined}
      expanded={expanded}
      onChange={({ detail }) => setChosen(detail.expanded)}
      data-testid="first-steps"
    >
      {error !== undefined && (
        <Alert type="warning" header={t('steps.unknown')}>
          {messageOf(error)}
        </Alert>
      )}
      <ol className="first-steps">
        {steps.map((step) => (
          <li key={step.id} data-testid={`step-${step.id}`} data-done={step.done === true}>
            <OneStep step={step} />
          </li>
        ))}
      </ol>
    </ExpandableSection>
  );
}

function OneStep({ step }: { step: Step }) {
  const { t } = useTranslation('overview');
  const { isAdmin } = useSession();
  const forOthers = step.adminOnly && !isAdmin;
  const type = step.done === undefined ? 'loading' : step.done ? 'success' : 'pending';
  return (
    <>
      <StatusIndicator
        type={type}
        iconAriaLabel={t(step.done === undefined ? 'common:loading' : step.done ? 'steps.done' : 'steps.todo')}
      >
        {t(`steps.${step.id}`)}
      </StatusIndicator>
      <div className="first-steps-about">
        {t(`steps.${step.id}Text`)}{' '}
        {step.done === false &&
          (forOthers ? <i>{t('steps.askAdmin')}</i> : <Go to={step.to}>{t(`steps.${step.id}Do`)}</Go>)}
      </div>
    </>
  );
}
