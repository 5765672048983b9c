import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/app/useSession';
import { Go } from '~/ui/Go';
import type { Step } from './steps';
import './overview.css';

const hiddenKey = 'wisp.firstSteps';

/** What a new user does first. A step ticks itself off when what it makes is there. */
export function FirstSteps({ steps }: { steps: Step[] }) {
  const { t } = useTranslation('overview');
  const { isAdmin } = useSession();
  const [hidden, setHidden] = useState(localStorage.getItem(hiddenKey) === 'hidden');
  const known = steps.filter((s) => s.done !== undefined);
  const done = steps.filter((s) => s.done).length;
  const all = done === steps.length;
  const show = (shown: boolean) => {
    localStorage.setItem(hiddenKey, shown ? 'shown' : 'hidden');
    setHidden(!shown);
  };
  const closed = hidden || (all && localStorage.getItem(hiddenKey) !== 'shown');
  const next = steps.find((s) => s.done === false && (isAdmin || !s.admin));
  return (
    <Container
      data-testid="first-steps"
      header={
        <Header
          variant="h2"
          counter={known.length === steps.length ? `(${done}/${steps.length})` : undefined}
          description={all ? t('allDone') : t('stepsText')}
          actions={<Button onClick={() => show(closed)}>{t(closed ? 'showSteps' : 'hideSteps')}</Button>}
        >
          {t('steps')}
        </Header>
      }
    >
      {closed ? null : (
        <ol className="first-steps">
          {steps.map((step) => (
            <li key={step.id} data-testid={`step-${step.id}`} aria-current={step === next ? 'step' : undefined}>
              <StatusIndicator type={step.done === undefined ? 'loading' : step.done ? 'success' : 'pending'}>
                {t(step.done ? 'done' : 'toDo')}
              </StatusIndicator>
              <div>
                {step.done || (step.admin && !isAdmin) ? (
                  <b>{t(`step.${step.id}`)}</b>
                ) : (
                  <Go to={step.to}>{t(`step.${step.id}`)}</Go>
                )}
                <Box color="text-body-secondary" fontSize="body-s">
                  {t(`stepText.${step.id}`)}
                  {step.admin && !isAdmin && !step.done && ` ${t('askAdmin')}`}
                </Box>
              </div>
            </li>
          ))}
        </ol>
      )}
    </Container>
  );
}
