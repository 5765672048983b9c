import Alert from '@cloudscape-design/components/alert';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import Spinner from '@cloudscape-design/components/spinner';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router-dom';
import type { Server } from '~/api/compute';
import { createConsole } from '~/api/console';

const SerialConsole = lazy(() => import('./SerialConsole'));
const Screen = lazy(() => import('./Screen'));

/** The consoles of a server: its serial port, or its screen. */
export function ConsoleTab({ server }: { server: Server }) {
  const { t } = useTranslation('instance');
  const [params, setParams] = useSearchParams();
  const kind = params.get('console') === 'screen' ? 'screen' : 'serial';
  const choose = (next: string) =>
    setParams(
      (now) => {
        now.set('console', next);
        return now;
      },
      { replace: true },
    );
  // A server that was rebooted or started has another machine: its console is another one too.
  const runs = server['OS-EXT-STS:power_state'] === 1;
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={t(`console.${kind}Text`)}
          actions={
            <SegmentedControl
              label={t('console.which')}
              selectedId={kind}
              onChange={({ detail }) => choose(detail.selectedId)}
              options={[
                { id: 'serial', text: t('console.serial') },
                { id: 'screen', text: t('console.screen') },
              ]}
            />
          }
        >
          {t('tab.console')}
        </Header>
      }
    >
      {runs ? (
        <Suspense fallback={<Spinner size="large" />}>
          {kind === 'serial' ? (
            <SerialConsole server={server} />
          ) : (
            <Screen open={() => createConsole(server.id, 'vnc')} again />
          )}
        </Suspense>
      ) : (
        <Alert type="info">{t('console.notRunning')}</Alert>
      )}
    </Container>
  );
}
