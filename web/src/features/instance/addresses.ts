import type { Server } from '~/api/compute';
import type { FloatingIP, Port } from '~/api/network';

/** An address inside of a network, and the floating IPs that stand for it. */
export interface AddressRow {
  address: string;
  network: string;
  mac: string;
  port?: string;
  floating: FloatingIP[];
}

/** addressRows joins what the server says of its addresses with its ports and the floating IPs of these. */
export function addressRows(server: Pick<Server, 'addresses'>, ports: Port[], floating: FloatingIP[]): AddressRow[] {
  return Object.entries(server.addresses).flatMap(([network, list]) =>
    list
      .filter((a) => a['OS-EXT-IPS:type'] !== 'floating')
      .map((a) => {
        const mac = a['OS-EXT-IPS-MAC:mac_addr'] ?? '';
        const port = ports.find((p) => p.mac_address === mac && p.fixed_ips.some((ip) => ip.ip_address === a.addr));
        return {
          address: a.addr,
          network,
          mac,
          port: port?.id,
          floating: floating.filter((f) => f.port_id === port?.id && f.fixed_ip_address === a.addr),
        };
      }),
  );
}
