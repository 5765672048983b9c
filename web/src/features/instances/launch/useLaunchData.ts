import { useMemo } from 'react';
import { useFlavors, useKeyPairs, useLimits, useServerGroups, useServers, useZones } from '~/api/compute';
import { useImages } from '~/api/image';
import { useNetworks, usePorts, useSecurityGroups, useSubnets } from '~/api/network';
import { useSession } from '~/app/useSession';
import { freePorts, unfitOf } from './networking';
import { bootable, type Known } from './problems';

/** Everything that the wizard offers, asked for at once: a step is there when somebody comes to it. */
export function useLaunchData() {
  const { projectId: project, isAdmin } = useSession();
  const images = useImages();
  const flavors = useFlavors();
  const limits = useLimits();
  const networks = useNetworks(project);
  const subnets = useSubnets();
  const ports = usePorts({ project_id: project });
  const groups = useSecurityGroups(project);
  const keys = useKeyPairs();
  const zones = useZones();
  const serverGroups = useServerGroups();
  const servers = useServers();
  const known: Known = useMemo(
    () => ({
      project,
      isAdmin,
      images: images.data,
      flavors: flavors.data,
      limits: limits.data,
      networks: networks.data,
      subnets: subnets.data,
      ports: ports.data && freePorts(ports.data, project),
      groups: groups.data,
      keys: keys.data?.map((k) => k.name),
    }),
    [
      project,
      isAdmin,
      images.data,
      flavors.data,
      limits.data,
      networks.data,
      subnets.data,
      ports.data,
      groups.data,
      keys.data,
    ],
  );
  return {
    known,
    images: { ...images, data: images.data && bootable(images.data).filter((i) => !i.os_hidden) },
    flavors,
    limits,
    networks: { ...networks, data: networks.data?.filter((n) => unfitOf(n, project, isAdmin) !== 'external') },
    groups,
    keys,
    zones,
    serverGroups,
    servers,
  };
}

export type LaunchData = ReturnType<typeof useLaunchData>;
