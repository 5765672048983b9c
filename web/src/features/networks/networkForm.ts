import type { Network, NetworkAgent } from '~/api/network';
import type { Fields } from '~/api/networkWrite';
import { newSubnet, type SubnetPart } from './subnetForm';

export const networkTypes = ['local', 'flat', 'vlan', 'vxlan', 'gre'] as const;
export type NetworkType = (typeof networkTypes)[number];

export interface NetworkValues extends SubnetPart {
  name: string;
  description: string;
  adminUp: boolean;
  portSecurity: boolean;
  mtu: string;
  domain: string;
  /** Availability zones that are wanted for a new network. */
  zones: string[];
  /** A QoS policy; '' is none. */
  qos: string;
  shared: boolean;
  external: boolean;
  isDefault: boolean;
  /** '': the cloud chooses type and segment. */
  type: '' | NetworkType;
  physical: string;
  segment: string;
  withSubnet: boolean;
}

export const newNetwork: NetworkValues = {
  name: '',
  description: '',
  adminUp: true,
  portSecurity: true,
  mtu: '',
  domain: '',
  zones: [],
  qos: '',
  shared: false,
  external: false,
  isDefault: false,
  type: '',
  physical: '',
  segment: '',
  withSubnet: true,
  subnet: newSubnet,
};

export const networkValuesOf = (n: Network): NetworkValues => ({
  ...newNetwork,
  name: n.name,
  description: n.description,
  adminUp: n.admin_state_up,
  portSecurity: n.port_security_enabled,
  mtu: String(n.mtu),
  domain: n.dns_domain ?? '',
  qos: n.qos_policy_id ?? '',
  shared: n.shared,
  external: n['router:external'],
  isDefault: n.is_default ?? false,
  withSubnet: false,
});

/** Which of the provider's fields a type of network has, and the range of its segments. */
export function provider(type: NetworkValues['type']): { physical: boolean; segment?: [number, number] } {
  switch (type) {
    case 'flat':
      return { physical: true };
    case 'vlan':
      return { physical: true, segment: [1, 4094] };
    case 'vxlan':
      return { physical: false, segment: [1, 16_777_215] };
    case 'gre':
      return { physical: false, segment: [1, 4_294_967_295] };
    default:
      return { physical: false };
  }
}

/** networkFields is the body for a network. Attributes of administrators are sent by them alone. */
export function networkFields(v: NetworkValues, { admin, before }: { admin: boolean; before?: Network }): Fields {
  const fields: Fields = {
    name: v.name.trim(),
    description: v.description,
    admin_state_up: v.adminUp,
    port_security_enabled: v.portSecurity,
  };
  if (v.mtu) fields.mtu = Number(v.mtu);
  if (v.domain || before) fields.dns_domain = v.domain.trim();
  if (v.qos !== (before?.qos_policy_id ?? '')) fields.qos_policy_id = v.qos || null;
  if (!before && v.zones.length > 0) fields.availability_zone_hints = v.zones;
  if (admin) {
    fields.shared = v.shared;
    fields['router:external'] = v.external;
    if (v.external) fields.is_default = v.isDefault;
    if (!before && v.type) {
      const has = provider(v.type);
      fields['provider:network_type'] = v.type;
      if (has.physical) fields['provider:physical_network'] = v.physical;
      if (has.segment && v.segment) fields['provider:segmentation_id'] = Number(v.segment);
    }
  }
  return fields;
}

/** What the hosts' agents report: physical networks that they join, and types of tunnels that they can make. */
export function offered(agents: NetworkAgent[]): { physical: string[]; types: NetworkType[] } {
  const strings = (key: string) => [
    ...new Set(
      agents.flatMap((a) => {
        const value = a.configurations[key];
        return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [];
      }),
    ),
  ];
  const physical = strings('physical_networks');
  const tunnels = strings('tunnel_types');
  const types = networkTypes.filter((type) =>
    type === 'local' ? true : type === 'flat' || type === 'vlan' ? physical.length > 0 : tunnels.includes(type),
  );
  return { physical, types };
}
