import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import { useTranslation } from 'react-i18next';
import { nameOf } from '~/ui/format';
import { connectionOf } from '../connect';
import type { Graph, Thing } from '../graph';
import type { Connections } from '../useConnections';

interface Props {
  graph: Graph;
  from: string;
  to: Thing['kind'];
  text: string;
  connections: Connections;
}

/** What dragging a line does, from a menu: what cannot be joined says why. */
export function ConnectMenu({ graph, from, to, text, connections }: Props) {
  const { t } = useTranslation('topology');
  const others = [...graph.things.values()].filter((thing) => thing.kind === to);
  return (
    <ButtonDropdown
      expandToViewport
      data-testid="connect"
      disabled={others.length === 0}
      items={others.map((thing) => {
        const connection = connectionOf(graph, from, thing.id);
        const refused = connection.do === 'refuse';
        return {
          id: thing.id,
          text: nameOf(thing),
          secondaryText: thing.kind === 'network' && thing.external ? t('external') : undefined,
          disabled: refused,
          disabledReason: refused ? t(`refused.${connection.why}`) : undefined,
        };
      })}
      onItemClick={({ detail }) => void connections.connect(from, detail.id)}
    >
      {text}
    </ButtonDropdown>
  );
}
