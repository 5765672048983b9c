import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Aggregate } from '~/api/compute';
import { type Action, opens } from '~/ui/actions';
import { AggregateForm } from './AggregateForm';
import { CacheForm } from './CacheForm';
import { HostsForm } from './HostsForm';
import { MetadataForm } from './MetadataForm';
import { deleteAggregate } from './mutations';

/** An aggregate whose number is its id in lists. */
export type AggregateRow = Omit<Aggregate, 'id'> & { id: string; aggregate: Aggregate };

export const rowOf = (aggregate: Aggregate): AggregateRow => ({ ...aggregate, id: String(aggregate.id), aggregate });

/** The metadata that is not the zone, which has a field of its own. */
export function ownMetadata({ metadata }: Pick<Aggregate, 'metadata'>): Record<string, string> {
  const { availability_zone, ...rest } = metadata;
  return rest;
}

type Dialog = 'edit' | 'hosts' | 'metadata' | 'cache';

/** What can be done to aggregates, and the dialog that it opens. */
export function useAggregateActions(): { actions: Action<AggregateRow>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('hosts');
  const [open, setOpen] = useState<{ dialog: Dialog; aggregate: Aggregate }>();
  const onClose = () => setOpen(undefined);
  const opener = (dialog: Dialog, text: string, refused?: Action<AggregateRow>['refused']): Action<AggregateRow> =>
    opens({ id: dialog, text, refused, open: ({ aggregate }: AggregateRow) => setOpen({ dialog, aggregate }) });
  const dialogs: Record<Dialog, (aggregate: Aggregate) => ReactElement> = {
    edit: (a) => <AggregateForm before={a} onClose={onClose} />,
    hosts: (a) => <HostsForm aggregate={a} onClose={onClose} />,
    metadata: (a) => <MetadataForm aggregate={a} onClose={onClose} />,
    cache: (a) => <CacheForm aggregate={a} onClose={onClose} />,
  };
  return {
    dialog: open ? dialogs[open.dialog](open.aggregate) : null,
    actions: [
      opener('edit', t('common:edit')),
      opener('hosts', t('aggregate.hosts')),
      opener('metadata', t('aggregate.metadata')),
      opener('cache', t('aggregate.cache'), (a) => (a.hosts.length === 0 ? t('aggregate.refusedEmpty') : undefined)),
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        refused: (a) => (a.hosts.length > 0 ? t('aggregate.refusedHosts') : undefined),
        question: (items) => ({
          title: t('aggregate.deleteTitle', { count: items.length, name: items[0]?.name }),
          body: t('aggregate.deleteText'),
        }),
        run: (a) => deleteAggregate(a.id),
      },
    ],
  };
}
