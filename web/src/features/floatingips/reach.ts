import ipaddr from 'ipaddr.js';
import type { FloatingIP, Port, Router } from '~/api/network';

/** A fixed address that a floating IP can stand for. */
export interface Target {
  port: Port;
  address: string;
  /** External networks from which the address can be reached. Unset: by a router that the project does not see. */
  networks: Set<string> | undefined;
}

/** The networks outside of each subnet: those of the gateways of the routers that the subnet is joined to. */
function outside(ports: Port[], routers: Router[]): Map<string, Set<string> | undefined> {
  const gateways = new Map(routers.map((r) => [r.id, r.external_gateway_info?.network_id]));
  const found = new Map<string, Set<string> | undefined>();
  for (const port of ports) {
    if (!port.device_owner.startsWith('network:router_interface')) continue;
    for (const { subnet_id } of port.fixed_ips) {
      if (!gateways.has(port.device_id)) {
        found.set(subnet_id, undefined);
        continue;
      }
      const network = gateways.get(port.device_id);
      if (!network || (found.has(subnet_id) && !found.get(subnet_id))) continue;
      found.set(subnet_id, (found.get(subnet_id) ?? new Set<string>()).add(network));
    }
  }
  return found;
}

const isIPv4 = (address: string): boolean => ipaddr.IPv4.isValid(address);

/** targets are the addresses that floating IPs can stand for by the rules of the API: of instances, then of free ports. */
export function targets(ports: Port[], routers: Router[]): Target[] {
  const ways = outside(ports, routers);
  return ports
    .filter((p) => p.device_owner === '' || p.device_owner.startsWith('compute:'))
    .sort((a, b) => Number(a.device_owner === '') - Number(b.device_owner === ''))
    .flatMap((port) =>
      port.fixed_ips
        .filter((ip) => isIPv4(ip.ip_address) && ways.has(ip.subnet_id))
        .map((ip) => ({ port, address: ip.ip_address, networks: ways.get(ip.subnet_id) })),
    );
}

/** reachable are the targets for one external network which have no floating IP of it yet. */
export const reachable = (all: Target[], network: string, floating: FloatingIP[]): Target[] =>
  all.filter(
    (target) =>
      (target.networks === undefined || target.networks.has(network)) &&
      !floating.some(
        (f) =>
          f.floating_network_id === network && f.port_id === target.port.id && f.fixed_ip_address === target.address,
      ),
  );
