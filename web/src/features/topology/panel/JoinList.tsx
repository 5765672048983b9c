import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { nameOf } from '~/ui/format';
import type { Graph, Join } from '../graph';
import type { Connections } from '../useConnections';

interface Props {
  graph: Graph;
  joins: Join[];
  /** Which end of the joins is listed. */
  end: 'from' | 'network';
  connections?: Connections;
  select(id: string): void;
}

const most = 12;

/** What a thing is joined to, with the way to part them. */
export function JoinList({ graph, joins, end, connections, select }: Props) {
  const { t } = useTranslation('topology');
  if (joins.length === 0) return <Box color="text-body-secondary">{t('joinedToNothing')}</Box>;
  return (
    <SpaceBetween size="xxs">
      {joins.slice(0, most).map((join) => {
        const thing = graph.things.get(join[end]);
        const name = thing ? nameOf(thing) : join[end];
        return (
          <SpaceBetween key={join.id} direction="horizontal" size="xs" alignItems="center">
            <Link variant="primary" onFollow={() => select(join[end])}>
              {name}
            </Link>
            <Box variant="small" color="text-body-secondary">
              {join.addresses.join(', ')}
            </Box>
            {connections && join.kind !== 'instance' && (
              <Button
                variant="inline-icon"
                iconName="remove"
                ariaLabel={t('disconnectFrom', { name })}
                onClick={() => void connections.disconnect(join)}
              />
            )}
          </SpaceBetween>
        );
      })}
      {joins.length > most && <Box color="text-body-secondary">{t('more', { count: joins.length - most })}</Box>}
    </SpaceBetween>
  );
}
