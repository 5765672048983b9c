import { useQuery } from '@tanstack/react-query';
import { call } from './client';

export interface ResourceProvider {
  uuid: string;
  name: string;
  generation: number;
  parent_provider_uuid: string | null;
  root_provider_uuid: string;
}

export interface Capacity {
  total: number;
  reserved: number;
  allocation_ratio: number;
  min_unit: number;
  max_unit: number;
  step_size: number;
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

/** Providers of resources: hosts, and what is in them; for administrators. */
export const useProviders = () =>
  useQuery({
    queryKey: ['resource_provider'],
    queryFn: () =>
      call<{ resource_providers: ResourceProvider[] }>('placement', 'GET', '/resource_providers').then((a) =>
        a.resource_providers.map((p) => ({ ...p, id: p.uuid })),
      ),
  });

export const useTraits = (provider: string) =>
  useQuery({
    queryKey: ['resource_provider', provider, 'traits'],
    queryFn: () =>
      call<{ traits: string[] }>('placement', 'GET', `/resource_providers/${provider}/traits`).then((a) => a.traits),
  });

/** What consumers have of a provider, by consumer and resource class. */
export const useAllocations = (provider: string) =>
  useQuery({
    queryKey: ['resource_provider', provider, 'allocations'],
    queryFn: () =>
      call<{ allocations: Record<string, { resources: Record<string, number> }> }>(
        'placement',
        'GET',
        `/resource_providers/${provider}/allocations`,
      ).then((a) => a.allocations),
  });
