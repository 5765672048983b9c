import { describe, expect, it } from 'vitest';
import type { FloatingIP, Port, Router } from '~/api/network';
import { reachable, targets } from './reach';

const port = (id: string, owner: string, device: string, ips: [subnet: string, address: string][]) =>
  ({
    id,
    device_owner: owner,
    device_id: device,
    fixed_ips: ips.map(([subnet_id, ip_address]) => ({ subnet_id, ip_address })),
  }) as Port;
const router = (id: string, network?: string) =>
  ({ id, external_gateway_info: network ? { network_id: network } : null }) as Router;

const vm = port('vm', 'compute:nova', 'server', [
  ['inside', '10.0.0.5'],
  ['six', 'fd00::5'],
]);
const leg = (subnet: string, device: string) =>
  port(`leg-${subnet}-${device}`, 'network:router_interface', device, [[subnet, '10.0.0.1']]);

describe('targets', () => {
  it('has the IPv4 addresses of instances behind a router with a gateway', () => {
    const all = targets([vm, leg('inside', 'r')], [router('r', 'public')]);
    expect(all.map((t) => t.address)).toEqual(['10.0.0.5']);
    expect(reachable(all, 'public', [])).toHaveLength(1);
    expect(reachable(all, 'other', [])).toHaveLength(0);
  });

  it('has none without a router, or behind one without a gateway', () => {
    expect(targets([vm], [router('r', 'public')])).toEqual([]);
    expect(targets([vm, leg('inside', 'r')], [router('r')])).toEqual([]);
  });

  it('joins the gateways of all routers of a subnet', () => {
    const all = targets([vm, leg('inside', 'a'), leg('inside', 'b')], [router('a', 'public'), router('b', 'other')]);
    expect(reachable(all, 'public', [])).toHaveLength(1);
    expect(reachable(all, 'other', [])).toHaveLength(1);
  });

  it('leaves it to the API where the router is not seen', () => {
    const all = targets([vm, leg('inside', 'foreign')], []);
    expect(reachable(all, 'public', [])).toHaveLength(1);
  });

  it('leaves out ports of routers and DHCP', () => {
    const dhcp = port('dhcp', 'network:dhcp', 'd', [['inside', '10.0.0.2']]);
    expect(targets([dhcp, leg('inside', 'r')], [router('r', 'public')])).toEqual([]);
  });

  it('leaves out an address that has a floating IP of the network', () => {
    const all = targets([vm, leg('inside', 'r')], [router('r', 'public')]);
    const taken = { floating_network_id: 'public', port_id: 'vm', fixed_ip_address: '10.0.0.5' } as FloatingIP;
    expect(reachable(all, 'public', [taken])).toEqual([]);
    expect(reachable(all, 'public', [{ ...taken, fixed_ip_address: '10.0.0.6' }])).toHaveLength(1);
  });
});
