import type { Network, Subnet } from '~/api/network';
import { create, type Fields, remove } from '~/api/networkWrite';
import { createFields, type SubnetValues } from './subnetForm';

/** createNetwork makes a network and its first subnet, or neither: a network without the subnet would only be in the way. */
export async function createNetwork(fields: Fields, subnet?: SubnetValues): Promise<Network> {
  const network = await create<Network>('network', fields);
  if (!subnet) return network;
  try {
    await create<Subnet>('subnet', createFields(subnet, network.id));
  } catch (error) {
    await remove('network', network.id).catch(() => undefined); // why there is no subnet is what matters
    throw error;
  }
  return network;
}
