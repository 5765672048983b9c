import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { nameOf } from '~/ui/format';
import type { Labels } from './flow';
import type { Graph } from './graph';
import { statusOf } from './tone';

/** useLabels puts things and joins into words for who does not see the graph. */
export function useLabels(graph: Graph): Labels {
  const { t } = useTranslation('topology');
  return useMemo(() => {
    const name = (id: string) => {
      const thing = graph.things.get(id);
      return thing ? nameOf(thing) : id;
    };
    return {
      role: t('thing'),
      thing: (thing) => {
        const kind = thing.kind === 'network' && thing.external ? 'external' : thing.kind;
        const status = t(`common:status.${statusOf(thing)}`, { defaultValue: statusOf(thing) });
        return `${t(kind)} ${nameOf(thing)}, ${status}`;
      },
      join: (join) =>
        t(`joinLabel.${join.kind}`, {
          from: name(join.from),
          network: name(join.network),
          addresses: join.addresses.join(', '),
        }),
    };
  }, [graph, t]);
}
