import type { Server } from '~/api/compute';
import type { Network, Port, Router, Subnet } from '~/api/network';
import type { Parts } from './graph';

// Clouds for tests, of as much as the topology looks at.

export const network = (id: string, more: Partial<Network> = {}): Network =>
  ({
    id,
    name: id,
    status: 'ACTIVE',
    admin_state_up: true,
    shared: false,
    'router:external': false,
    ...more,
  }) as Network;

export const subnet = (id: string, network_id: string, cidr: string): Subnet =>
  ({ id, name: id, network_id, cidr, ip_version: 4, gateway_ip: null }) as Subnet;

export const router = (id: string, gateway?: string): Router =>
  ({
    id,
    name: id,
    status: 'ACTIVE',
    admin_state_up: true,
    external_gateway_info: gateway
      ? { network_id: gateway, enable_snat: true, external_fixed_ips: [{ subnet_id: 'x', ip_address: '172.24.4.9' }] }
      : null,
  }) as Router;

export const server = (id: string, status = 'ACTIVE'): Server =>
  ({ id, name: id, status, addresses: {}, 'OS-EXT-STS:task_state': null }) as unknown as Server;

export const port = (device: string, network_id: string, subnet_id: string, owner = 'compute:nova'): Port =>
  ({
    id: `${device} ${subnet_id}`,
    name: '',
    network_id,
    device_id: device,
    device_owner: owner,
    status: 'ACTIVE',
    fixed_ips: [{ subnet_id, ip_address: '10.0.0.9' }],
  }) as Port;

export const leg = (device: string, network_id: string, subnet_id: string): Port =>
  port(device, network_id, subnet_id, 'network:router_interface');

/** A router between the outside and two networks, and instances on them. */
export const parts = (instances: number): Parts => ({
  networks: [network('out', { 'router:external': true }), network('a'), network('b'), network('idle')],
  subnets: [subnet('a4', 'a', '10.0.0.0/24'), subnet('b4', 'b', '10.0.1.0/24')],
  routers: [router('r', 'out'), router('spare')],
  servers: Array.from({ length: instances }, (_, i) => server(`s${i}`)),
  ports: [
    leg('r', 'a', 'a4'),
    leg('r', 'b', 'b4'),
    port('', 'a', 'a4', 'network:dhcp'),
    ...Array.from({ length: instances }, (_, i) => (i % 2 ? port(`s${i}`, 'b', 'b4') : port(`s${i}`, 'a', 'a4'))),
  ],
});
