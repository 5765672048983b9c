import { useFlavors, useKeyPairs, useServers } from '~/api/compute';
import { useImages } from '~/api/image';
import { useFloatingIPs, useNetworks, usePorts, useRouters, useSecurityGroups, useSubnets } from '~/api/network';
import { useSession } from '~/app/useSession';
import type { Have } from './steps';

/** useHave asks for what a first instance needs: one list of each kind, and the error if one could not be had. */
export function useHave(): { have: Have; error: unknown } {
  const { projectId } = useSession();
  const asked = {
    images: useImages(),
    flavors: useFlavors(),
    networks: useNetworks(projectId),
    subnets: useSubnets(),
    routers: useRouters(projectId),
    interfaces: usePorts({ device_owner: 'network:router_interface' }),
    groups: useSecurityGroups(projectId),
    keys: useKeyPairs(),
    servers: useServers(),
    floatingIPs: useFloatingIPs(projectId),
  };
  const have = Object.fromEntries(Object.entries(asked).map(([name, query]) => [name, query.data])) as Have;
  return { have, error: Object.values(asked).find((query) => query.error)?.error };
}
