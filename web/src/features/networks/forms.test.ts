import { describe, expect, it } from 'vitest';
import type { Network, NetworkAgent, Port, Subnet } from '~/api/network';
import { networkFields, newNetwork, offered } from './networkForm';
import * as port from './portForm';
import * as subnet from './subnetForm';

describe('a subnet', () => {
  it('leaves to the API what is not given', () => {
    expect(subnet.createFields({ ...subnet.newSubnet, cidr: '10.0.0.0/24' }, 'n')).toEqual({
      network_id: 'n',
      ip_version: 4,
      cidr: '10.0.0.0/24',
      name: '',
      enable_dhcp: true,
    });
  });

  it('is cut from a pool, with the length that is asked for', () => {
    const cut = { ...subnet.newSubnet, source: 'pool' as const, pool: 'p', cidr: '10.0.0.0/24' };
    expect(subnet.createFields(cut, 'n')).toEqual({
      network_id: 'n',
      ip_version: 4,
      subnetpool_id: 'p',
      name: '',
      enable_dhcp: true,
    });
    expect(subnet.createFields({ ...cut, length: '27' }, 'n')).toMatchObject({ subnetpool_id: 'p', prefixlen: 27 });
  });

  it('has no gateway when none is wanted', () => {
    const fields = subnet.createFields({ ...subnet.newSubnet, cidr: '10.0.0.0/24', gatewayMode: 'none' }, 'n');
    expect(fields.gateway_ip).toBeNull();
  });

  it('sets both modes of IPv6, and none without DHCP', () => {
    const six = { ...subnet.newSubnet, version: '6' as const, cidr: 'fd00::/64', mode: 'slaac' as const };
    expect(subnet.createFields(six, 'n')).toMatchObject({ ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' });
    expect(subnet.createFields({ ...six, dhcp: false }, 'n')).not.toHaveProperty('ipv6_ra_mode');
    expect(subnet.chooses(six)).toBe(true);
  });

  it('sends of a change what is other than before', () => {
    const before = {
      name: 'a',
      description: '',
      ip_version: 4,
      cidr: '10.0.0.0/24',
      gateway_ip: '10.0.0.1',
      enable_dhcp: true,
      allocation_pools: [{ start: '10.0.0.2', end: '10.0.0.254' }],
      dns_nameservers: [],
      host_routes: [],
    } as unknown as Subnet;
    const same = subnet.valuesOf(before);
    expect(subnet.updateFields(same, before)).toEqual({});
    const given = subnet.updateFields({ ...same, serviceTypes: 'network:floatingip\n' }, before);
    expect(given).toEqual({ service_types: ['network:floatingip'] });
    expect(subnet.updateFields({ ...same, dns: '1.1.1.1\n', gatewayMode: 'none' }, before)).toEqual({
      dns_nameservers: ['1.1.1.1'],
      gateway_ip: null,
    });
  });
});

describe('a network', () => {
  const vlan = { ...newNetwork, name: 'n', type: 'vlan' as const, physical: 'public', segment: '12', shared: true };
  it('has the attributes of administrators from them alone', () => {
    expect(networkFields(vlan, { admin: false })).toEqual({
      name: 'n',
      description: '',
      admin_state_up: true,
      port_security_enabled: true,
    });
    expect(networkFields(vlan, { admin: true })).toMatchObject({
      shared: true,
      'provider:network_type': 'vlan',
      'provider:physical_network': 'public',
      'provider:segmentation_id': 12,
    });
  });

  it('sends only the fields that its type has', () => {
    const flat = networkFields({ ...vlan, type: 'flat' }, { admin: true });
    expect(flat).not.toHaveProperty('provider:segmentation_id');
    const vxlan = networkFields({ ...vlan, type: 'vxlan' }, { admin: true });
    expect(vxlan).not.toHaveProperty('provider:physical_network');
  });

  it('offers the types that the hosts can carry', () => {
    const agent = (configurations: object) => ({ configurations }) as NetworkAgent;
    expect(offered([agent({})]).types).toEqual(['local']);
    const both = offered([
      agent({ physical_networks: ['a'] }),
      agent({ physical_networks: ['a'], tunnel_types: ['gre'] }),
    ]);
    expect(both).toEqual({ physical: ['a'], types: ['local', 'flat', 'vlan', 'gre'] });
  });
});

describe('a port', () => {
  const network = { id: 'n', port_security_enabled: true } as Network;
  const before = {
    name: 'p',
    description: '',
    admin_state_up: true,
    fixed_ips: [{ subnet_id: 's', ip_address: '10.0.0.5' }],
    mac_address: 'fa:16:3e:00:00:01',
    dns_name: '',
    port_security_enabled: true,
    security_groups: ['b', 'a'],
    allowed_address_pairs: [{ ip_address: '10.0.0.9', mac_address: 'fa:16:3e:00:00:01' }],
    extra_dhcp_opts: [{ opt_name: 'mtu', opt_value: '1400', ip_version: 4 }],
  } as unknown as Port;

  it('is left to the API where nothing is given', () => {
    expect(port.createFields(port.newPort(network), network)).toEqual({
      network_id: 'n',
      name: '',
      admin_state_up: true,
    });
  });

  it('has no groups and pairs without port security', () => {
    const values = { ...port.portValuesOf(before), portSecurity: false };
    expect(port.updateFields(values, before)).toEqual({
      port_security_enabled: false,
      security_groups: [],
      allowed_address_pairs: [],
    });
  });

  it('keeps its options of DHCPv6 when others change', () => {
    const both = {
      ...before,
      extra_dhcp_opts: [
        { opt_name: 'mtu', opt_value: '1400', ip_version: 4 },
        { opt_name: 'dns-server', opt_value: 'fd00::5', ip_version: 6 },
      ],
    };
    const same = port.portValuesOf(both);
    expect(same.options).toBe('mtu 1400\noption6:dns-server fd00::5');
    expect(port.updateFields({ ...same, options: same.options.replace('1400', '1300') }, both)).toEqual({
      extra_dhcp_opts: [
        { opt_name: 'mtu', opt_value: '1300', ip_version: 4 },
        { opt_name: 'dns-server', opt_value: 'fd00::5', ip_version: 6 },
      ],
    });
  });

  it('is bound to a host by administrators', () => {
    expect(port.createFields({ ...port.newPort(network), host: ' h ', vnic: 'direct' }, network)).toMatchObject({
      'binding:host_id': 'h',
      'binding:vnic_type': 'direct',
    });
    const bound = { ...before, 'binding:host_id': 'h', 'binding:vnic_type': 'normal' };
    const same = port.portValuesOf(bound);
    expect(port.updateFields(same, bound)).toEqual({});
    expect(port.updateFields({ ...same, host: '' }, bound)).toEqual({ 'binding:host_id': '' });
  });

  it('sends of a change what is other than before, and takes options away by null', () => {
    const same = port.portValuesOf(before);
    expect(port.updateFields({ ...same, groups: ['a', 'b'] }, before)).toEqual({});
    expect(port.updateFields({ ...same, options: 'ntp-server 10.0.0.5' }, before)).toEqual({
      extra_dhcp_opts: [
        { opt_name: 'ntp-server', opt_value: '10.0.0.5', ip_version: 4 },
        { opt_name: 'mtu', opt_value: null, ip_version: 4 },
      ],
    });
    expect(port.updateFields({ ...same, addressing: 'none' }, before)).toEqual({ fixed_ips: [] });
  });
});
