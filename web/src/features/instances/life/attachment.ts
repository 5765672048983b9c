import type { Network, Port, Subnet } from '~/api/network';
import type { Option } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { freePorts, unfitOf } from '../launch/networking';
import type { Words } from '../lifecycle';

/** networkOptions are the networks that a server of a project can be put into, with their ranges. */
export function networkOptions(
  t: Words,
  networks: Network[],
  subnets: Subnet[],
  project: string,
  isAdmin: boolean,
): Option[] {
  return networks.map((n) => {
    const wrong = unfitOf(n, project, isAdmin);
    const ranges = subnets.filter((s) => s.network_id === n.id).map((s) => s.cidr);
    return {
      value: n.id,
      label: nameOf(n),
      description: wrong ? t(`instances:unfitNetwork.${wrong}`) : ranges.join(', '),
      disabled: wrong !== undefined,
    };
  });
}

/** portOptions are the ports of a project that nothing has yet. */
export const portOptions = (ports: Port[], networks: Network[], project: string): Option[] =>
  freePorts(ports, project).map((p) => ({
    value: p.id,
    label: nameOf(p),
    description: [
      networks.find((n) => n.id === p.network_id)?.name ?? '',
      p.fixed_ips.map((ip) => ip.ip_address).join(', '),
    ]
      .filter(Boolean)
      .join(': '),
  }));
