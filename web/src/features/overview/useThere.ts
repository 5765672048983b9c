import { useFlavors, useKeyPairs, useServers } from '~/api/compute';
import { useImages } from '~/api/image';
import { useFloatingIPs, useNetworks, usePorts, useRouters, useSecurityGroups } from '~/api/network';
import type { There } from './steps';

/** What the project has and may use; what could not be had is said by failed. */
export function useThere(project: string): { there: There; failed: boolean } {
  const images = useImages();
  const flavors = useFlavors();
  const networks = useNetworks(project);
  const routers = useRouters(project);
  const interfaces = usePorts({ device_owner: 'network:router_interface' });
  const groups = useSecurityGroups(project);
  const keyPairs = useKeyPairs();
  const servers = useServers();
  const floatingIPs = useFloatingIPs(project);
  return {
    there: {
      images: images.data,
      flavors: flavors.data,
      networks: networks.data,
      routers: routers.data,
      interfaces: interfaces.data,
      groups: groups.data,
      keyPairs: keyPairs.data,
      servers: servers.data,
      floatingIPs: floatingIPs.data,
    },
    failed: [images, flavors, networks, routers, interfaces, groups, keyPairs, servers, floatingIPs].some(
      (q) => q.isError,
    ),
  };
}
