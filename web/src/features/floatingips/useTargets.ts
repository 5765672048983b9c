import { type FloatingIP, useFloatingIPs, usePorts, useRouters } from '~/api/network';
import { useSession } from '~/app/useSession';
import { useServerNames } from '~/features/networks/useServerNames';
import { nameOf } from '~/ui/format';
import { reachable, type Target, targets } from './reach';

interface Targets {
  pending: boolean;
  error: unknown;
  /** Those that a floating IP of the network can stand for. */
  from(network: string): Target[];
  all: Target[];
  floating: FloatingIP[];
  /** What to call a target: its instance, or its port. */
  nameOf(target: Target): string;
}

/** useTargets finds the places of the project where floating IPs can lead. */
export function useTargets(): Targets {
  const { projectId } = useSession();
  const own = usePorts({ project_id: projectId });
  // Routers of other projects may have interfaces on the project's networks.
  const interfaces = usePorts({ device_owner: 'network:router_interface' });
  const routers = useRouters(projectId, true);
  const floating = useFloatingIPs(projectId);
  const names = useServerNames();
  const all = targets([...(own.data ?? []), ...(interfaces.data ?? [])], routers.data ?? []);
  const taken = floating.data ?? [];
  return {
    pending: own.isPending || interfaces.isPending || routers.isPending || floating.isPending,
    error: own.error ?? interfaces.error ?? routers.error ?? floating.error,
    from: (network) => reachable(all, network, taken),
    all,
    floating: taken,
    nameOf: ({ port }) => names.get(port.device_id) ?? nameOf(port),
  };
}
