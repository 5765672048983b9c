import type { Network, Port } from '~/api/network';
import type { Fields } from '~/api/networkWrite';
import { linesOf, parsePairs } from '~/ui/subnetRules';
import { changed } from './subnetForm';

export interface PortValues {
  name: string;
  description: string;
  adminUp: boolean;
  /** auto: the API chooses. */
  addressing: 'auto' | 'given' | 'none';
  fixed: { subnet: string; address: string }[];
  mac: string;
  dns: string;
  portSecurity: boolean;
  groups: string[];
  pairs: string;
  options: string;
  /** A QoS policy; '' is none but the network's. */
  qos: string;
  /** Where the port is, and what kind of interface it is; for administrators. */
  host: string;
  vnic: string;
}

/** Kinds of interfaces; this cloud's hosts serve the first. */
export const vnicTypes = ['normal', 'direct', 'macvtap', 'baremetal', 'direct-physical', 'virtio-forwarder', 'vdpa'];

const six = 'option6:';

/** optionName is an option's name as the form has it: one of DHCPv6 is marked. */
export const optionName = ({ opt_name, ip_version }: { opt_name: string; ip_version: number }): string =>
  ip_version === 6 && !opt_name.startsWith(six) ? six + opt_name : opt_name;

export const newPort = (network: Network): PortValues => ({
  name: '',
  description: '',
  adminUp: true,
  addressing: 'auto',
  fixed: [{ subnet: '', address: '' }],
  mac: '',
  dns: '',
  portSecurity: network.port_security_enabled,
  groups: [],
  pairs: '',
  options: '',
  qos: '',
  host: '',
  vnic: 'normal',
});

export const portValuesOf = (p: Port): PortValues => ({
  name: p.name,
  description: p.description,
  adminUp: p.admin_state_up,
  addressing: p.fixed_ips.length > 0 ? 'given' : 'none',
  fixed: p.fixed_ips.map((ip) => ({ subnet: ip.subnet_id, address: ip.ip_address })),
  mac: p.mac_address,
  dns: p.dns_name ?? '',
  portSecurity: p.port_security_enabled,
  groups: p.security_groups,
  // The API fills in the port's own MAC address where none was given.
  pairs: p.allowed_address_pairs
    .map((pair) =>
      pair.mac_address && pair.mac_address !== p.mac_address
        ? `${pair.ip_address} ${pair.mac_address}`
        : pair.ip_address,
    )
    .join('\n'),
  options: p.extra_dhcp_opts.map((o) => `${optionName(o)} ${o.opt_value}`).join('\n'),
  qos: p.qos_policy_id ?? '',
  host: p['binding:host_id'] ?? '',
  vnic: p['binding:vnic_type'] ?? 'normal',
});

/** Options of a lease, one on a line: its name, then its value. */
export const parseOptions = (text: string): Port['extra_dhcp_opts'] =>
  linesOf(text).map((line) => {
    const [, opt_name = '', opt_value = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
    return opt_name.startsWith(six)
      ? { opt_name: opt_name.slice(six.length), opt_value, ip_version: 6 }
      : { opt_name, opt_value, ip_version: 4 };
  });

const fixedIPs = (v: PortValues): Fields[] =>
  v.addressing === 'none'
    ? []
    : v.fixed
        .filter((row) => row.subnet)
        .map((row) =>
          row.address.trim() ? { subnet_id: row.subnet, ip_address: row.address.trim() } : { subnet_id: row.subnet },
        );

/** createFields is the body for a new port. Groups that are not chosen are the project's default group. */
export function createFields(v: PortValues, network: Network): Fields {
  const fields: Fields = { network_id: network.id, name: v.name.trim(), admin_state_up: v.adminUp };
  if (v.description) fields.description = v.description;
  if (v.addressing !== 'auto') fields.fixed_ips = fixedIPs(v);
  if (v.mac) fields.mac_address = v.mac.trim();
  if (v.dns) fields.dns_name = v.dns.trim();
  if (v.portSecurity !== network.port_security_enabled) fields.port_security_enabled = v.portSecurity;
  if (v.portSecurity && v.groups.length > 0) fields.security_groups = v.groups;
  if (v.portSecurity && linesOf(v.pairs).length > 0) fields.allowed_address_pairs = parsePairs(v.pairs);
  if (v.qos) fields.qos_policy_id = v.qos;
  if (v.host.trim()) fields['binding:host_id'] = v.host.trim();
  if (v.vnic !== 'normal') fields['binding:vnic_type'] = v.vnic;
  if (linesOf(v.options).length > 0) fields.extra_dhcp_opts = parseOptions(v.options);
  return fields;
}

/** updateFields is the body for a change: what is as before is not sent, as many attributes have a rule of their own. */
export function updateFields(v: PortValues, before: Port): Fields {
  const was = portValuesOf(before);
  const fields = changed(
    {
      name: v.name.trim(),
      description: v.description,
      admin_state_up: v.adminUp,
      fixed_ips: fixedIPs(v),
      mac_address: v.mac.trim().toLowerCase(),
      dns_name: v.dns.trim(),
      port_security_enabled: v.portSecurity,
    },
    {
      ...before,
      fixed_ips: before.fixed_ips.map(({ subnet_id, ip_address }) => ({ subnet_id, ip_address })),
      dns_name: before.dns_name ?? '',
    },
  );
  if (v.host.trim() !== was.host) fields['binding:host_id'] = v.host.trim();
  if (v.vnic !== was.vnic) fields['binding:vnic_type'] = v.vnic;
  if (v.qos !== was.qos) fields.qos_policy_id = v.qos || null;
  const groups = v.portSecurity ? v.groups : [];
  if ([...groups].sort().join() !== [...before.security_groups].sort().join()) fields.security_groups = groups;
  const pairs = v.portSecurity ? v.pairs : '';
  if (pairs !== was.pairs) fields.allowed_address_pairs = parsePairs(pairs);
  if (v.options !== was.options) {
    const options: { opt_name: string; opt_value: string | null; ip_version: number }[] = parseOptions(v.options);
    const kept = new Set(options.map((o) => `${o.ip_version} ${o.opt_name}`));
    // An option goes when its value is null.
    const gone = before.extra_dhcp_opts.filter((o) => !kept.has(`${o.ip_version} ${o.opt_name}`));
    fields.extra_dhcp_opts = [...options, ...gone.map((o) => ({ ...o, opt_value: null }))];
  }
  return fields;
}
