import Link from '@cloudscape-design/components/link';
import { useTranslation } from 'react-i18next';
import { opens } from '~/ui/actions';
import { nameOf } from '~/ui/format';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';
import type { Graph, Join, Thing } from './graph';
import { statusOf } from './tone';
import type { Connections } from './useConnections';
import type { Topology } from './useTopology';

interface Row {
  id: string;
  name: string;
  thing: Thing;
  join?: Join;
  network?: Thing;
}

/** rowsOf lists every join, and the things that are joined to nothing. */
function rowsOf(graph: Graph): Row[] {
  const joined = new Set(graph.joins.flatMap((j) => [j.from, j.network]));
  const rows = graph.joins.flatMap((join): Row[] => {
    const thing = graph.things.get(join.from);
    const network = graph.things.get(join.network);
    return thing
      ? [{ id: join.id, name: `${nameOf(thing)} – ${network ? nameOf(network) : ''}`, thing, join, network }]
      : [];
  });
  const alone = [...graph.things.values()].filter((thing) => !joined.has(thing.id));
  return [...rows, ...alone.map((thing) => ({ id: thing.id, name: nameOf(thing), thing }))];
}

interface Props {
  graph: Graph;
  topology: Topology;
  connections: Connections;
  select(id: string): void;
}

/** The graph in words: the same things, the same joins, and the same that can be done to them. */
export function ConnectionList({ graph, topology, connections, select }: Props) {
  const { t } = useTranslation('topology');
  const kind = (thing: Thing) => t(thing.kind === 'network' && thing.external ? 'external' : thing.kind);
  const chooses = (id: string, text: string) => (
    <Link variant="primary" onFollow={() => select(id)}>
      {text}
    </Link>
  );
  const how = (r: Row) => (r.join ? t(`joinKind.${r.join.kind}`) : t('joinedToNothing'));
  const status = (r: Row) => statusOf(r.thing);
  const columns: Column<Row>[] = [
    {
      id: 'name',
      header: t('thing'),
      cell: (r) => chooses(r.thing.id, nameOf(r.thing)),
      value: (r) => nameOf(r.thing),
      width: 180,
    },
    { id: 'kind', header: t('kind'), cell: (r) => kind(r.thing), value: (r) => kind(r.thing), width: 120 },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (r) => <Status value={status(r)} />,
      value: status,
      width: 120,
    },
    {
      id: 'how',
      header: t('connection'),
      cell: (r) => (r.join ? chooses(r.join.id, how(r)) : how(r)),
      value: how,
      width: 220,
    },
    {
      id: 'network',
      header: t('network'),
      cell: (r) => (r.network ? chooses(r.network.id, nameOf(r.network)) : '–'),
      value: (r) => r.network && nameOf(r.network),
      width: 170,
    },
    {
      id: 'addresses',
      header: t('addresses'),
      cell: (r) => r.join?.addresses.join(', ') || '–',
      value: (r) => r.join?.addresses.join(', '),
    },
  ];
  const actions = [
    opens<Row>({
      id: 'disconnect',
      text: t('disconnect'),
      refused: (r) => {
        if (!r.join) return t('joinedToNothing');
        return r.join.kind === 'instance' ? t('refused.instance') : undefined;
      },
      open: (r) => {
        if (r.join) void connections.disconnect(r.join);
      },
    }),
  ];
  return (
    <ResourceTable
      id="connections"
      title={t('connections')}
      query={{
        data: rowsOf(graph),
        error: null,
        isPending: false,
        isFetching: topology.isFetching,
        refetch: topology.refetch,
      }}
      columns={columns}
      actions={actions}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  );
}
