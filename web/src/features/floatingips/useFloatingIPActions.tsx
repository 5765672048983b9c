import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { FloatingIP } from '~/api/network';
import { remove, setTags } from '~/api/networkWrite';
import { type Action, opens } from '~/ui/actions';
import { useTags } from '~/ui/useTags';
import { AssociateDialog } from './AssociateDialog';
import { EditForm } from './EditForm';
import { disassociate } from './mutations';

/** A floating IP, whose name is its address. */
export type Row = FloatingIP & { name: string };

export const rowOf = (f: FloatingIP): Row => ({ ...f, name: f.floating_ip_address });

/** What can be done to floating IPs, the dialog that it opens, and the choice of what one leads to. */
export function useFloatingIPActions(onReleased?: () => void): {
  actions: Action<Row>[];
  dialog: ReactElement | null;
  associateIt(f: Row): void;
} {
  const { t } = useTranslation('floatingips');
  const [dialog, setDialog] = useState<ReactElement | null>(null);
  const tags = useTags<Row>({ save: (f, all) => setTags('floatingip', f.id, all) });
  const close = () => setDialog(null);
  const associateIt = (f: Row) => setDialog(<AssociateDialog floatingIP={f} onClose={close} />);
  const addresses = (items: Row[]) => items.map((f) => f.name).join(', ');
  const actions: Action<Row>[] = [
    opens({
      id: 'associate',
      text: t('associate'),
      refused: (f) => (f.port_id ? t('isAssociated') : undefined),
      open: associateIt,
    }),
    {
      id: 'disassociate',
      text: t('disassociate'),
      danger: true,
      refused: (f) => (f.port_id ? undefined : t('isFree')),
      question: (items) => ({
        title: t('disassociateTitle', { count: items.length }),
        body: t('disassociateText', { addresses: addresses(items) }),
      }),
      run: (f) => disassociate(f.id),
    },
    opens({
      id: 'edit',
      text: t('common:edit'),
      open: (f) => setDialog(<EditForm floatingIP={f} onClose={close} />),
    }),
    tags.action,
    {
      id: 'release',
      text: t('release'),
      danger: true,
      question: (items) => ({
        title: t('releaseTitle', { count: items.length }),
        body: (
          <>
            <p>{t('releaseText', { addresses: addresses(items) })}</p>
            {items.some((f) => f.port_id) && <p>{t('releaseServing')}</p>}
          </>
        ),
      }),
      run: async (f) => {
        await remove('floatingip', f.id);
        onReleased?.();
      },
    },
  ];
  return { actions, dialog: dialog ?? tags.dialog, associateIt };
}
