import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useSubnets } from '~/api/network';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Status } from '~/ui/Status';
import type { Graph, Join } from '../graph';
import type { Connections } from '../useConnections';

interface Props {
  graph: Graph;
  join: Join;
  connections: Connections;
  select(id: string): void;
}

/** A line of the graph: the ports that make it, and the button that takes it away. */
export function JoinDetails({ graph, join, connections, select }: Props) {
  const { t } = useTranslation('topology');
  const subnets = useSubnets().data ?? [];
  const end = (id: string) => {
    const thing = graph.things.get(id);
    return (
      <Link variant="primary" onFollow={() => select(id)}>
        {thing ? nameOf(thing) : id}
      </Link>
    );
  };
  const cidr = (id: string | undefined) => subnets.find((s) => s.id === id)?.cidr ?? '–';
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            join.kind !== 'instance' && (
              <Button onClick={() => void connections.disconnect(join)} data-testid="disconnect">
                {t('disconnect')}
              </Button>
            )
          }
        >
          {t(`joinKind.${join.kind}`)}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <KeyValuePairs
          columns={2}
          items={[
            { label: t(join.kind === 'instance' ? 'instance' : 'router'), value: end(join.from) },
            { label: t('network'), value: end(join.network) },
          ]}
        />
        {join.ports.length === 0 && (
          <KeyValuePairs columns={2} items={[{ label: t('addresses'), value: join.addresses.join(', ') || '–' }]} />
        )}
        {join.ports.map((port) => (
          <SpaceBetween key={port.id} size="xs">
            <KeyValuePairs
              columns={2}
              items={[
                { label: t('port'), value: <Go to={`/ports/${port.id}`}>{nameOf(port)}</Go> },
                { label: t('common:statusLabel'), value: <Status value={port.status} /> },
                {
                  label: t('addresses'),
                  value: port.fixed_ips.map((ip) => ip.ip_address).join(', ') || '–',
                },
                { label: t('subnet'), value: port.fixed_ips.map((ip) => cidr(ip.subnet_id)).join(', ') || '–' },
              ]}
            />
            {join.kind === 'interface' && join.ports.length > 1 && (
              <Button variant="inline-link" onClick={() => void connections.disconnect(join, [port])}>
                {t('disconnectFrom', { name: cidr(port.fixed_ips[0]?.subnet_id) })}
              </Button>
            )}
          </SpaceBetween>
        ))}
      </SpaceBetween>
    </Container>
  );
}
