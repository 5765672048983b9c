import Alert from '@cloudscape-design/components/alert';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Router, useFloatingIPs, usePorts } from '~/api/network';
import { remove, setTags } from '~/api/networkWrite';
import { Names, usePortWords } from '~/features/networks/Deletions';
import { type Action, opens } from '~/ui/actions';
import { nameOf } from '~/ui/format';
import { useTags } from '~/ui/useTags';
import { setGateway } from './mutations';
import { GatewayForm, RouterForm } from './RouterForm';

/** What can be done to routers, and the dialog that it opens. */
export function useRouterActions(onDeleted?: () => void): { actions: Action<Router>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('routers');
  const [dialog, setDialog] = useState<ReactElement | null>(null);
  const close = () => setDialog(null);
  const tags = useTags<Router>({ save: (r, all) => setTags('router', r.id, all) });
  return {
    dialog: dialog ?? tags.dialog,
    actions: [
      opens({
        id: 'edit',
        text: t('common:edit'),
        open: (r) => setDialog(<RouterForm before={r} onClose={close} />),
      }),
      tags.action,
      opens({
        id: 'setGateway',
        text: t('gateway.set'),
        open: (r) => setDialog(<GatewayForm router={r} onClose={close} />),
      }),
      {
        id: 'clearGateway',
        text: t('gateway.clear'),
        danger: true,
        refused: (r) => (r.external_gateway_info ? undefined : t('gateway.none')),
        question: (items) => ({ title: t('gateway.clearTitle'), body: <GatewayLoss routers={items} /> }),
        run: (r) => setGateway(r.id, null),
      },
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        question: (items) => ({
          title: t('deleteTitle', { count: items.length }),
          body: <RouterDeletion routers={items} />,
        }),
        run: async (r) => {
          await remove('router', r.id);
          onDeleted?.();
        },
      },
    ],
  };
}

/** The floating IPs that need the gateways of routers. */
function useNeeding(routers: Router[]): string[] {
  return (useFloatingIPs('', true).data ?? [])
    .filter((f) => f.router_id && routers.some((r) => r.id === f.router_id))
    .map((f) => `${f.floating_ip_address} → ${f.fixed_ip_address}`);
}

/** What is lost when gateways go, and the floating IPs that are in the way. */
export function GatewayLoss({ routers }: { routers: Router[] }) {
  const { t } = useTranslation('routers');
  const needing = useNeeding(routers);
  return (
    <>
      <p>{t('gateway.clearText', { names: routers.map(nameOf).join(', ') })}</p>
      {needing.length > 0 && (
        <Alert type="error" header={t('gateway.needed')}>
          <Names names={needing} />
        </Alert>
      )}
    </>
  );
}

function RouterDeletion({ routers }: { routers: Router[] }) {
  const { t } = useTranslation('routers');
  const ports = usePorts({ device_id: routers.map((r) => r.id) }).data ?? [];
  const words = usePortWords();
  const interfaces = ports.filter((p) => p.device_owner === 'network:router_interface');
  return (
    <>
      <p>{t('deleteText', { names: routers.map(nameOf).join(', ') })}</p>
      {interfaces.length > 0 && (
        <Alert type="error" header={t('inTheWay')}>
          <Names names={interfaces.map(words)} />
        </Alert>
      )}
    </>
  );
}
