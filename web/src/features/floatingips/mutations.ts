import type { FloatingIP } from '~/api/network';
import { create, type Fields, update } from '~/api/networkWrite';

export interface Place {
  port: string;
  address: string;
}

export const associate = (floatingIP: string, to: Place): Promise<void> =>
  update('floatingip', floatingIP, { port_id: to.port, fixed_ip_address: to.address });

export const disassociate = (floatingIP: string): Promise<void> => update('floatingip', floatingIP, { port_id: null });

interface Wanted {
  network: string;
  subnet?: string;
  address?: string;
  description?: string;
  /** The name that it is known by, and its domain, which ends with a dot. */
  dns?: { name: string; domain: string };
  /** A QoS policy, by id. */
  qos?: string;
  to?: Place;
}

/** allocate takes an address of an external network, and associates it at once where a place is given. */
export const allocate = ({ network, subnet, address, description, dns, qos, to }: Wanted): Promise<FloatingIP> =>
  create<FloatingIP>('floatingip', {
    floating_network_id: network,
    ...(subnet && { subnet_id: subnet }),
    ...(address && { floating_ip_address: address }),
    ...(description && { description }),
    ...(dns?.name && { dns_name: dns.name }),
    ...(dns?.domain && { dns_domain: dns.domain }),
    ...(qos && { qos_policy_id: qos }),
    ...(to && { port_id: to.port, fixed_ip_address: to.address }),
  });

/** editFields is the body of a change; a QoS policy is sent when it is another one: not every cloud has them. */
export function editFields(before: FloatingIP, { description, qos }: { description: string; qos: string }): Fields {
  return { description, ...(qos !== (before.qos_policy_id ?? '') && { qos_policy_id: qos || null }) };
}
