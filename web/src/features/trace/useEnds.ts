import { useTranslation } from 'react-i18next';
import { type Port, useFloatingIPs, useNetworks, usePorts, useRouters } from '~/api/network';
import { useSession } from '~/app/useSession';
import { useServerNames } from '~/features/networks/useServerNames';
import { nameOf } from '~/ui/format';

export interface End {
  value: string;
  label: string;
  description?: string;
}

export interface Ends {
  pending: boolean;
  sources: End[];
  destinations: { label: string; options: End[] }[];
}

const addresses = (p: Port) => p.fixed_ips.map((ip) => ip.ip_address);
/** Guests send from ports of instances, and from ports that no service of the cloud has. */
const isGuest = (p: Port) => !p.device_owner.startsWith('network:');

/** useEnds are where a trace can begin and where it can lead. port: one that the address of the page names. */
export function useEnds(port: string): Ends {
  const { t } = useTranslation('trace');
  const { projectId } = useSession();
  const own = usePorts({ project_id: projectId });
  // An administrator may come from a port of another project.
  const named = usePorts({ id: port }, port !== '');
  const servers = useServerNames();
  const networks = useNetworks(projectId, true).data ?? [];
  const routers = useRouters(projectId).data ?? [];
  const floating = useFloatingIPs(projectId).data ?? [];
  const ports = own.data ?? [];
  const networkOf = (p: Port) => {
    const network = networks.find((n) => n.id === p.network_id);
    return network ? nameOf(network) : p.network_id;
  };
  const owner = (p: Port) => servers.get(p.device_id) ?? t('portNamed', { name: nameOf(p) });
  const guests = [...ports, ...(named.data ?? []).filter((p) => !ports.some((o) => o.id === p.id))]
    .filter(isGuest)
    .sort((a, b) => Number(!a.device_id) - Number(!b.device_id) || owner(a).localeCompare(owner(b)));
  const routerName = (id: string) => {
    const router = routers.find((r) => r.id === id);
    return router ? nameOf(router) : id;
  };
  const toRouters = [
    ...ports
      .filter((p) => p.device_owner.startsWith('network:router_interface'))
      .flatMap((p) =>
        addresses(p).map((value) => ({
          value,
          label: `${value} – ${routerName(p.device_id)}`,
          description: networkOf(p),
        })),
      ),
    ...routers.flatMap((r) =>
      (r.external_gateway_info?.external_fixed_ips ?? []).map((ip) => ({
        value: ip.ip_address,
        label: `${ip.ip_address} – ${nameOf(r)}`,
        description: t('gateway'),
      })),
    ),
  ];
  return {
    pending: own.isPending,
    sources: guests.map((p) => ({
      value: p.id,
      label: [owner(p), addresses(p).join(', ')].filter(Boolean).join(' – '),
      description: networkOf(p),
    })),
    destinations: [
      {
        label: t('toInstances'),
        options: guests.flatMap((p) =>
          addresses(p).map((value) => ({ value, label: `${value} – ${owner(p)}`, description: networkOf(p) })),
        ),
      },
      {
        label: t('toFloating'),
        options: floating.map((f) => ({
          value: f.floating_ip_address,
          label: f.fixed_ip_address ? `${f.floating_ip_address} → ${f.fixed_ip_address}` : f.floating_ip_address,
        })),
      },
      { label: t('toRouters'), options: toRouters },
      { label: t('toOutside'), options: [{ value: '1.1.1.1', label: '1.1.1.1', description: t('outsideExample') }] },
    ].filter((group) => group.options.length > 0),
  };
}
