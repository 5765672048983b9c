import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Spinner from '@cloudscape-design/components/spinner';
import { lazy, Suspense, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router-dom';
import { streamOf } from '~/api/console';

const Screen = lazy(() => import('./Screen'));

/** A screen alone, by the address that the Compute API gives: who has its token needs no session. */
export default function ScreenPage() {
  const { t } = useTranslation('instance');
  const [params] = useSearchParams();
  const token = params.get('token') ?? '';
  useEffect(() => {
    document.title = `${t('console.screen')} – wisp`;
  }, [t]);
  if (!token) {
    return (
      <Box padding="l">
        <Alert type="warning">{t('console.noToken')}</Alert>
      </Box>
    );
  }
  return (
    <main>
      <Suspense fallback={<Spinner size="large" />}>
        <Screen open={async () => streamOf('vnc', token)} again={false} tall />
      </Suspense>
    </main>
  );
}
