import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { type Port, useNetwork } from '~/api/network';
import { remove, setTags } from '~/api/networkWrite';
import { type Action, opens } from '~/ui/actions';
import { useTags } from '~/ui/useTags';
import { Names, ownerKey, usePortWords } from './Deletions';
import { PortForm } from './PortForm';

/** What can be done to ports, and the dialog that it opens. */
export function usePortActions(onDeleted?: () => void): { actions: Action<Port>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('networks');
  const navigate = useNavigate();
  const words = usePortWords();
  const [edited, setEdited] = useState<Port>();
  const tags = useTags<Port>({ save: (p, all) => setTags('port', p.id, all) });
  const kept = (p: Port) => {
    const what = ownerKey(p.device_owner);
    return what === 'interface' || what === 'gateway' || what === 'floatingip' ? t(`port.keptBy.${what}`) : undefined;
  };
  return {
    dialog: edited ? <EditPort port={edited} onClose={() => setEdited(undefined)} /> : tags.dialog,
    actions: [
      opens({ id: 'edit', text: t('common:edit'), open: setEdited }),
      tags.action,
      opens({ id: 'trace', text: t('port.trace'), open: (p) => navigate(`/trace?port=${p.id}`) }),
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        refused: kept,
        question: (items) => ({
          title: t('port.deleteTitle', { count: items.length }),
          body: (
            <>
              <Names names={items.map(words)} />
              {items.some((p) => ownerKey(p.device_owner) === 'instance') && <p>{t('port.deleteInstance')}</p>}
              {items.some((p) => ownerKey(p.device_owner) === 'dhcp') && <p>{t('port.deleteDHCP')}</p>}
              <p>{t('port.deleteFloating')}</p>
            </>
          ),
        }),
        run: async (p) => {
          await remove('port', p.id);
          onDeleted?.();
        },
      },
    ],
  };
}

function EditPort({ port, onClose }: { port: Port; onClose(): void }) {
  const network = useNetwork(port.network_id);
  return network.data ? <PortForm network={network.data} before={port} onClose={onClose} /> : null;
}
