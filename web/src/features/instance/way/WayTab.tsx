import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import type { ActionEvent, InstanceAction, Server } from '~/api/compute';
import { formatSeconds, formatTime, parseTime } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { useCreation } from '../useCreation';
import { layout, toCome } from './layout';
import { Picture } from './Picture';
import { StepTable } from './StepTable';

/** How often the events are asked for while some are to come, in ms. */
const askEvery = 1_500;
/** How long after a creation its host tells of it, in ms. */
const told = 10 * 60_000;

const young = (server: Server): boolean => Date.now() - parseTime(server.created).getTime() < told;

/** What a server still has to tell of its creation. */
function expecting(server: Server, events: ActionEvent[]): string[] {
  return toCome(layout(events), {
    building: server.status === 'BUILD',
    running: young(server) && server['OS-EXT-STS:vm_state'] === 'active',
    hasAddresses: Object.keys(server.addresses).length > 0,
  });
}

/** The way of the request that made a server, through the services to the guest. */
export function WayTab({ server }: { server: Server }) {
  const { t } = useTranslation('instance');
  const { actions, request, action } = useCreation(server, (creation) =>
    young(server) && (!creation || expecting(server, creation.events ?? []).length > 0) ? askEvery : false,
  );
  if (actions.data && !request) {
    return <Box color="text-body-secondary">{t('way.none')}</Box>;
  }
  return (
    <Loaded query={actions}>
      {() => <Loaded query={action}>{(creation) => <Creation server={server} creation={creation} />}</Loaded>}
    </Loaded>
  );
}

const seconds = (micros: number | undefined): string => (micros === undefined ? '–' : formatSeconds(micros / 1e6));

function Creation({ server, creation }: { server: Server; creation: InstanceAction }) {
  const { t } = useTranslation('instance');
  const events = creation.events ?? [];
  const way = layout(events);
  const coming = expecting(server, events);
  const { failed } = way;
  const stepName = (event: string) => t(`step.${event}`, { defaultValue: event });
  return (
    <SpaceBetween size="l">
      <Container
        header={
          <Header variant="h2" description={t('way.text')}>
            {t('tab.way')}
          </Header>
        }
      >
        <SpaceBetween size="l">
          {failed && (
            <Alert type="error" header={t('way.failedAt', { step: stepName(failed.event) })}>
              <div className="server-text">{failed.details ?? server.fault?.message}</div>
            </Alert>
          )}
          <KeyValuePairs
            columns={4}
            items={[
              { label: t('way.request'), value: formatTime(events[0]?.start_time ?? creation.start_time) },
              { label: t('way.toActive'), value: <b data-testid="to-active">{seconds(way.active)}</b> },
              {
                label: t('way.toAddress'),
                value: (
                  <b data-testid="to-address">
                    {way.address === undefined && coming.includes('network_dhcp_lease')
                      ? t('way.awaited')
                      : seconds(way.address)}
                  </b>
                ),
              },
              { label: t('way.requestId'), value: creation.request_id },
            ]}
          />
          <Picture way={way} />
        </SpaceBetween>
      </Container>
      <StepTable way={way} coming={coming} />
    </SpaceBetween>
  );
}
