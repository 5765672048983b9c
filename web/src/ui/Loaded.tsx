import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Spinner from '@cloudscape-design/components/spinner';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { isNotFound, messageOf } from '~/api/error';

interface Props<T> {
  query: Pick<UseQueryResult<T>, 'data' | 'error'> & { refetch(): Promise<unknown> };
  children(data: T): ReactNode;
}

/** Loaded shows what was asked for, or that it is on its way, is gone, or could not be had. */
export function Loaded<T>({ query, children }: Props<T>) {
  const { t } = useTranslation();
  if (query.error && isNotFound(query.error)) {
    return (
      <Alert type="info" header={t('gone')}>
        {t('goneText')}
      </Alert>
    );
  }
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) {
    return (
      <Alert
        type="error"
        header={t('loadFailed')}
        action={<Button onClick={() => void query.refetch()}>{t('retry')}</Button>}
      >
        {messageOf(query.error)}
      </Alert>
    );
  }
  return (
    <Box textAlign="center" padding="xl">
      <Spinner size="large" /> {t('loading')}
    </Box>
  );
}
