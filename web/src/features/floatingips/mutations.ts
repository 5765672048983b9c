import type { FloatingIP } from '~/api/network';
import { create, update } from '~/api/networkWrite';

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
  to?: Place;
}

/** allocate takes an address of an external network, and associates it at once where a place is given. */
export const allocate = ({ network, subnet, address, description, to }: Wanted): Promise<FloatingIP> =>
  create<FloatingIP>('floatingip', {
    floating_network_id: network,
    ...(subnet && { subnet_id: subnet }),
    ...(address && { floating_ip_address: address }),
    ...(description && { description }),
    ...(to && { port_id: to.port, fixed_ip_address: to.address }),
  });
