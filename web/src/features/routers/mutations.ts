import type { Port, Router } from '~/api/network';
import { create, type Fields, member, remove, update } from '~/api/networkWrite';
import type { Route } from '~/ui/subnetRules';

/** What the fields of a gateway hold; network '' is none. */
export interface GatewayValues {
  network: string;
  snat: boolean;
  subnet: string;
  address: string;
  /** A QoS policy, by id. */
  qos: string;
}

/**
 * gatewayFields is external_gateway_info. SNAT and addresses are for administrators; others do not send them. policy: the QoS
 * policy that the gateway has; it is sent when it changes.
 */
export function gatewayFields(
  v: GatewayValues,
  { admin, policy }: { admin: boolean; policy?: string | null },
): Fields | null {
  if (!v.network) return null;
  const info: Fields = { network_id: v.network };
  if (admin) {
    info.enable_snat = v.snat;
    if (v.address) info.external_fixed_ips = [{ subnet_id: v.subnet || undefined, ip_address: v.address.trim() }];
    else if (v.subnet) info.external_fixed_ips = [{ subnet_id: v.subnet }];
  }
  if (v.qos !== (policy ?? '')) info.qos_policy_id = v.qos || null;
  return info;
}

export const setGateway = (router: string, info: Fields | null): Promise<void> =>
  update('router', router, { external_gateway_info: info });

/** addSubnet joins a subnet to a router: at the subnet's gateway address, or at another one, which takes a port of its own. */
export async function addSubnet(
  router: { id: string; project_id: string },
  subnet: { id: string; network_id: string },
  address: string,
): Promise<void> {
  if (!address) return member('router', router.id, 'add_router_interface', { subnet_id: subnet.id });
  const port = await create<Port>('port', {
    project_id: router.project_id,
    network_id: subnet.network_id,
    fixed_ips: [{ subnet_id: subnet.id, ip_address: address }],
  });
  try {
    await member('router', router.id, 'add_router_interface', { port_id: port.id });
  } catch (error) {
    await remove('port', port.id).catch(() => undefined); // why it did not work is what matters
    throw error;
  }
}

export const addPort = (router: string, port: string): Promise<void> =>
  member('router', router, 'add_router_interface', { port_id: port });
export const removeInterface = (router: string, port: string): Promise<void> =>
  member('router', router, 'remove_router_interface', { port_id: port });

/** The extension that adds and takes routes without a race with others who do the same. */
export const atomicRoutes = 'extraroute-atomic';

const same = (a: Route) => (b: Route) => a.destination === b.destination && a.nexthop === b.nexthop;

export const addRoute = (router: Router, route: Route, atomic: boolean): Promise<void> =>
  atomic
    ? member('router', router.id, 'add_extraroutes', { router: { routes: [route] } })
    : update('router', router.id, { routes: [...router.routes, route] });

export const removeRoute = (router: Router, route: Route, atomic: boolean): Promise<void> =>
  atomic
    ? member('router', router.id, 'remove_extraroutes', { router: { routes: [route] } })
    : update('router', router.id, { routes: router.routes.filter((r) => !same(route)(r)) });
