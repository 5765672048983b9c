import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router-dom';
import { ApiError, messageOf } from '~/api/error';
import { useTrace } from '~/api/network';
import { Crumbs } from '~/ui/Page';
import { knownErrors } from './advice';
import { Outcome } from './Outcome';
import { Path } from './Path';
import { TraceForm } from './TraceForm';
import { type FormValues, queryOf, questionOf } from './values';

/** Follows the first packet of a connection, and tells where it ends and why. */
export default function TracePage() {
  const { t } = useTranslation('trace');
  const [params, setParams] = useSearchParams();
  const question = questionOf(params);
  const trace = useTrace(question?.port ?? '', question?.query ?? {}, question !== undefined);
  const run = (values: FormValues) => {
    const next = new URLSearchParams(queryOf(values));
    if (next.toString() === params.toString()) void trace.refetch();
    else setParams(next);
  };
  return (
    <SpaceBetween size="l">
      <Crumbs trail={[{ text: t('common:nav.items.trace'), href: '/trace' }]} />
      <Header variant="h1" description={t('description')}>
        {t('common:nav.items.trace')}
      </Header>
      <TraceForm query={params} busy={trace.isFetching} onRun={run} />
      <div aria-live="polite">
        {question && trace.isFetching && (
          <Box textAlign="center" padding="l">
            <Spinner size="large" /> {t('following')}
          </Box>
        )}
        {question && !trace.isFetching && trace.error && (
          <Failure error={trace.error} retry={() => void trace.refetch()} />
        )}
        {question && !trace.isFetching && !trace.error && trace.data && (
          <SpaceBetween size="l">
            <Outcome trace={trace.data} />
            <Path trace={trace.data} />
          </SpaceBetween>
        )}
      </div>
    </SpaceBetween>
  );
}

/** Why there is no trace, and what would have to be otherwise. */
function Failure({ error, retry }: { error: unknown; retry(): void }) {
  const { t } = useTranslation('trace');
  const { type, status } = error instanceof ApiError ? error : { type: '', status: 0 };
  const word = knownErrors.includes(type) ? type : status === 403 || status === 404 ? 'notYours' : '';
  return (
    <div data-testid="trace-failed">
      <Alert type="error" header={t('failed')} action={<Button onClick={retry}>{t('common:retry')}</Button>}>
        {word && <div>{t(`errors.${word}`)}</div>}
        <div>{messageOf(error)}</div>
      </Alert>
    </div>
  );
}
