import Alert from '@cloudscape-design/components/alert';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type FloatingIP, type Port, type Router, useFloatingIPs, usePorts, useSubnets } from '~/api/network';
import { Names } from '~/features/networks/Deletions';
import { InterfaceForm } from '~/features/routers/InterfaceForm';
import { addSubnet, removeInterface, setGateway } from '~/features/routers/mutations';
import { GatewayLoss } from '~/features/routers/useRouterActions';
import { confirm } from '~/ui/confirm';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { connectionOf } from './connect';
import type { Graph, Join } from './graph';

export interface Connections {
  /** Joins two things, whichever comes first; asks when there is a choice, and says why not when it cannot be. */
  connect(a: string, b: string): Promise<void>;
  /** Takes a join away after a question, and tells whether it is gone; ports: only these of an interface. */
  disconnect(join: Join, ports?: Port[]): Promise<boolean>;
  dialog: ReactElement | null;
}

/** useConnections joins and parts things, for the mouse, the menus and the list alike. */
export function useConnections(graph: Graph | undefined): Connections {
  const { t } = useTranslation(['topology', 'routers']);
  const [asked, setAsked] = useState<{ router: Router; network: string; ports: Port[] }>();
  const subnets = useSubnets().data ?? [];
  const routerOf = (id: string): Router | undefined => {
    const thing = graph?.things.get(id);
    return thing?.kind === 'router' ? thing.router : undefined;
  };
  const attempt = async (done: string, work: () => Promise<unknown>) => {
    try {
      await work();
      notify.success(done);
      return true;
    } catch (error) {
      notify.error(t('common:failed'), error);
      return false;
    }
  };

  const connect = async (a: string, b: string) => {
    if (!graph) return;
    const connection = connectionOf(graph, a, b);
    if (connection.do === 'refuse') {
      notify.add({ type: 'warning', content: t(`topology:refused.${connection.why}`) });
      return;
    }
    const router = routerOf(connection.router);
    const network = graph.things.get(connection.network);
    if (!router || !network) return;
    const names = { router: nameOf(router), network: nameOf(network) };
    if (connection.do === 'gateway') {
      if (connection.replaces) {
        const sure = await confirm({
          title: t('topology:replaceGateway'),
          body: <GatewayLoss routers={[router]} />,
          confirmLabel: t('routers:gateway.set'),
          danger: true,
        });
        if (!sure) return;
      }
      await attempt(t('topology:gatewaySet', names), () => setGateway(router.id, { network_id: connection.network }));
      return;
    }
    const only = connection.subnets.length === 1 ? subnets.find((s) => s.id === connection.subnets[0]) : undefined;
    // A subnet without a gateway has no address that the API would choose for the router: that is asked too.
    if (only?.gateway_ip) {
      await attempt(t('topology:connected', names), () => addSubnet(router, only, ''));
      return;
    }
    const ports = graph.joins.filter((j) => j.kind === 'interface' && j.from === router.id).flatMap((j) => j.ports);
    setAsked({ router, network: connection.network, ports });
  };

  const disconnect = async (join: Join, ports: Port[] = join.ports) => {
    const router = routerOf(join.from);
    const network = graph?.things.get(join.network);
    if (!router || !network || join.kind === 'instance') return false;
    const names = { router: nameOf(router), network: nameOf(network) };
    const sure = await confirm({
      title: join.kind === 'gateway' ? t('routers:gateway.clearTitle') : t('topology:partTitle', names),
      body:
        join.kind === 'gateway' ? (
          <GatewayLoss routers={[router]} />
        ) : (
          <InterfaceLoss router={router} network={join.network} ports={ports} />
        ),
      confirmLabel: join.kind === 'gateway' ? t('routers:gateway.clear') : t('topology:disconnect'),
      danger: true,
    });
    if (!sure) return false;
    return attempt(t('topology:disconnected', names), async () => {
      if (join.kind === 'gateway') await setGateway(router.id, null);
      else for (const port of ports) await removeInterface(router.id, port.id);
    });
  };

  return {
    connect,
    disconnect,
    dialog: asked ? (
      <InterfaceForm
        router={asked.router}
        ports={asked.ports}
        network={asked.network}
        onClose={() => setAsked(undefined)}
      />
    ) : null,
  };
}

/** neededBy are the floating IPs that reach a network's ports through a router. */
const neededBy = (floating: FloatingIP[], router: Router, ports: Port[]): string[] =>
  floating
    .filter((f) => f.router_id === router.id && ports.some((p) => p.id === f.port_id))
    .map((f) => `${f.floating_ip_address} → ${f.fixed_ip_address}`);

/** What goes with interfaces of a router, and the floating IPs that are in the way. */
function InterfaceLoss({ router, network, ports }: { router: Router; network: string; ports: Port[] }) {
  const { t } = useTranslation(['topology', 'routers']);
  const subnets = useSubnets().data ?? [];
  const lost = new Set(ports.flatMap((p) => p.fixed_ips.map((ip) => ip.subnet_id)));
  const behind = (usePorts({ network_id: network }).data ?? []).filter((p) =>
    p.fixed_ips.some((ip) => lost.has(ip.subnet_id)),
  );
  const needing = neededBy(useFloatingIPs('', true).data ?? [], router, behind);
  const ranges = [...lost].map((id) => subnets.find((s) => s.id === id)?.cidr ?? id);
  return (
    <>
      <p>{t('routers:removeText', { subnets: ranges.join(', ') })}</p>
      {needing.length > 0 && (
        <Alert type="error" header={t('topology:neededByFloating')}>
          <Names names={needing} />
        </Alert>
      )}
    </>
  );
}
