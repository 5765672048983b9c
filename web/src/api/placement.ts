import { useQuery } from '@tanstack/react-query';
import { call } from './client';

export interface ResourceProvider {
  uuid: string;
  name: string;
}

export interface Capacity {
  total: number;
  reserved: number;
  allocation_ratio: number;
  used: number;
}

/** Capacity of a host by resource class (VCPU, MEMORY_MB in MiB, DISK_GB in GiB), from placement's inventories and usages. */
export const useCapacity = (provider: string) =>
  useQuery({
    queryKey: ['hypervisor', provider, 'capacity'],
    enabled: provider !== '',
    queryFn: async () => {
      const [{ inventories }, { usages }] = await Promise.all([
        call<{ inventories: Record<string, Omit<Capacity, 'used'>> }>(
          'placement',
          'GET',
          `/resource_providers/${provider}/inventories`,
        ),
        call<{ usages: Record<string, number> }>('placement', 'GET', `/resource_providers/${provider}/usages`),
      ]);
      return Object.fromEntries(
        Object.entries(inventories).map(([name, inventory]) => [name, { ...inventory, used: usages[name] ?? 0 }]),
      ) as Record<string, Capacity>;
    },
  });
