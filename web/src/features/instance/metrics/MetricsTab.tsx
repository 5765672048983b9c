import Alert from '@cloudscape-design/components/alert';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs, { type KeyValuePairsProps } from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { lazy, Suspense, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { type Diagnostics, useDiagnostics } from '~/api/diagnostics';
import { formatBytes, formatMiB, formatNumber, formatSeconds } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { type Point, pointOf, type Sample } from './rates';

const Charts = lazy(() => import('./Charts'));

const every = 3_000;
/** So many points are shown: ten minutes. */
const kept = 200;

/** What the machine of a server does now; for administrators. */
export function MetricsTab({ server }: { server: Server }) {
  const { t } = useTranslation('instance');
  if (server['OS-EXT-STS:power_state'] !== 1) return <Alert type="info">{t('metrics.notRunning')}</Alert>;
  return <Running server={server} />;
}

/** useHistory makes points of what is asked for again and again. */
function useHistory(counters: Diagnostics | undefined, at: number): Point[] {
  const [{ points }, setHistory] = useState<{ last?: Sample; points: Point[] }>({ points: [] });
  useEffect(() => {
    if (!counters) return;
    setHistory((now) => {
      const sample = { at, counters };
      const point = now.last && pointOf(now.last, sample);
      return { last: sample, points: point ? [...now.points, point].slice(-kept) : now.points };
    });
  }, [counters, at]);
  return points;
}

function Running({ server }: { server: Server }) {
  const { t } = useTranslation('instance');
  const query = useDiagnostics(server.id, every);
  const points = useHistory(query.data, query.dataUpdatedAt);
  return (
    <Loaded query={query}>
      {(now) => (
        <SpaceBetween size="l">
          <Container
            header={
              <Header variant="h2" description={t('metrics.text', { seconds: every / 1000 })}>
                {t('tab.metrics')}
              </Header>
            }
          >
            {points.length === 0 ? (
              <>
                <Spinner /> {t('metrics.waiting')}
              </>
            ) : (
              <Suspense fallback={<Spinner size="large" />}>
                <Charts points={points} memory={now.memory_details.maximum} />
              </Suspense>
            )}
          </Container>
          <Counters now={now} />
        </SpaceBetween>
      )}
    </Loaded>
  );
}

function Counters({ now }: { now: Diagnostics }) {
  const { t } = useTranslation('instance');
  const number = (value: number | null) => (value === null ? '–' : formatNumber(value));
  const traffic = (bytes: number | null, packets: number | null, errors: number | null, drop: number | null) =>
    t('metrics.traffic', {
      bytes: formatBytes(bytes),
      packets: number(packets),
      errors: number(errors),
      dropped: number(drop),
    });
  const access = (bytes: number | null, requests: number | null) =>
    t('metrics.access', { bytes: formatBytes(bytes), requests: number(requests) });
  const { maximum, used } = now.memory_details;
  const items: KeyValuePairsProps.Item[] = [
    { label: t('metrics.uptime'), value: now.uptime === null ? '–' : formatSeconds(now.uptime) },
    { label: t('hypervisor'), value: `${now.hypervisor} (${now.state})` },
    ...now.cpu_details.map((c) => ({
      label: t('metrics.cpuTime', { id: c.id }),
      value: c.time === null ? '–' : formatSeconds(c.time / 1e9),
    })),
    {
      label: t('metrics.memory'),
      value: maximum === null || used === null ? '–' : `${formatMiB(used)} / ${formatMiB(maximum)}`,
    },
    ...now.nic_details.flatMap((n) => [
      {
        label: `${t('metrics.received')}, ${n.mac_address}`,
        value: traffic(n.rx_octets, n.rx_packets, n.rx_errors, n.rx_drop),
      },
      {
        label: `${t('metrics.sent')}, ${n.mac_address}`,
        value: traffic(n.tx_octets, n.tx_packets, n.tx_errors, n.tx_drop),
      },
    ]),
    ...now.disk_details.flatMap((d, i) => [
      { label: t('metrics.diskRead', { number: i + 1 }), value: access(d.read_bytes, d.read_requests) },
      { label: t('metrics.diskWritten', { number: i + 1 }), value: access(d.write_bytes, d.write_requests) },
    ]),
  ];
  return (
    <Container header={<Header variant="h2">{t('metrics.counters')}</Header>}>
      <KeyValuePairs columns={3} items={items} />
    </Container>
  );
}
