import { expect, test } from 'vitest';
import type { FloatingIP, Network, Port, Router, SecurityGroup, SecurityGroupRule } from '~/api/network';
import { letsIn, stepsOf, type There } from './steps';

const nothing: There = {
  images: [],
  flavors: [],
  networks: [],
  routers: [],
  interfaces: [],
  groups: [],
  keyPairs: [],
  servers: [],
  floatingIPs: [],
};
const done = (there: There) =>
  stepsOf(there, 'p')
    .filter((s) => s.done)
    .map((s) => s.id);

const rule = (part: Partial<SecurityGroupRule>): SecurityGroupRule =>
  ({
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: null,
    port_range_min: null,
    port_range_max: null,
    remote_group_id: null,
    ...part,
  }) as SecurityGroupRule;

test('in an empty cloud nothing is done, and while nothing is known nothing is said', () => {
  expect(done(nothing)).toEqual([]);
  expect(stepsOf(nothing, 'p').every((s) => s.done === false)).toBe(true);
  expect(stepsOf({}, 'p').every((s) => s.done === undefined)).toBe(true);
});

test("a network counts when it is the project's own and has a subnet", () => {
  const network = (part: Partial<Network>) =>
    ({ project_id: 'p', subnets: ['s'], 'router:external': false, ...part }) as Network;
  expect(done({ ...nothing, networks: [network({})] })).toEqual(['network']);
  expect(done({ ...nothing, networks: [network({ subnets: [] })] })).toEqual([]);
  expect(done({ ...nothing, networks: [network({ project_id: 'q' })] })).toEqual([]);
  expect(done({ ...nothing, networks: [network({ project_id: 'q', 'router:external': true })] })).toEqual(['external']);
});

test('a router counts when it leads out and a network is joined to it', () => {
  const router = { id: 'r', project_id: 'p', external_gateway_info: {} } as Router;
  const port = { device_id: 'r' } as Port;
  expect(done({ ...nothing, routers: [router], interfaces: [port] })).toEqual(['router']);
  expect(done({ ...nothing, routers: [router] })).toEqual([]);
  expect(done({ ...nothing, routers: [{ ...router, external_gateway_info: null }], interfaces: [port] })).toEqual([]);
});

test('rules count when they let in SSH and ping', () => {
  const group = (...rules: SecurityGroupRule[]) => [{ security_group_rules: rules } as SecurityGroup];
  const ssh = rule({ protocol: 'tcp', port_range_min: 20, port_range_max: 30 });
  expect(done({ ...nothing, groups: group(ssh) })).toEqual([]);
  expect(done({ ...nothing, groups: group(ssh, rule({ protocol: 'icmp' })) })).toEqual(['rules']);
  expect(done({ ...nothing, groups: group(rule({})) })).toEqual(['rules']);
});

test.each([
  ['another port', rule({ protocol: 'tcp', port_range_min: 80, port_range_max: 80 }), false],
  ['all ports', rule({ protocol: '6' }), true],
  ['outwards', rule({ direction: 'egress' }), false],
  ['members of a group only', rule({ remote_group_id: 'g' }), false],
])('%s', (_, one, wanted) => {
  expect(letsIn(one, 'tcp', 22)).toBe(wanted);
});

test('a floating IP counts when it leads somewhere', () => {
  expect(done({ ...nothing, floatingIPs: [{ port_id: null } as FloatingIP] })).toEqual([]);
  expect(done({ ...nothing, floatingIPs: [{ port_id: 'x' } as FloatingIP] })).toEqual(['floating']);
});
