import { expect, test } from 'vitest';
import type { SecurityGroup, SecurityGroupRule } from '~/api/network';
import { type Have, opensPing, opensSSH, stepsOf } from './steps';

const rule = (part: Partial<SecurityGroupRule>): SecurityGroupRule =>
  ({
    direction: 'ingress',
    protocol: null,
    port_range_min: null,
    port_range_max: null,
    remote_group_id: null,
    remote_ip_prefix: null,
    ...part,
  }) as SecurityGroupRule;
const groups = (...rules: SecurityGroupRule[]) => [{ security_group_rules: rules } as SecurityGroup];
const done = (have: Have) => Object.fromEntries(stepsOf(have).map((s) => [s.id, s.done]));

test('what is not known is neither done nor not', () => {
  expect(new Set(Object.values(done({})))).toEqual(new Set([undefined]));
});

test('an empty project has everything before it', () => {
  const empty: Have = {
    images: [],
    flavors: [],
    networks: [],
    subnets: [],
    routers: [],
    interfaces: [],
    groups: [],
    keys: [],
    servers: [],
    floatingIPs: [],
  };
  expect(new Set(Object.values(done(empty)))).toEqual(new Set([false]));
});

test('a thing counts when it can be used', () => {
  const have = {
    images: [{ status: 'queued' }],
    networks: [{ id: 'ext', 'router:external': true }],
    subnets: [{ network_id: 'ext' }],
    routers: [{ id: 'r', external_gateway_info: null }],
    interfaces: [{ device_id: 'r' }],
    floatingIPs: [{ port_id: null }],
  } as unknown as Have;
  expect(done(have)).toMatchObject({ image: false, external: true, network: false, router: false, floatingip: false });
  const usable = {
    images: [{ status: 'active' }],
    networks: [{ id: 'net', 'router:external': false }],
    subnets: [{ network_id: 'net' }],
    routers: [{ id: 'r', external_gateway_info: { network_id: 'ext' } }],
    interfaces: [{ device_id: 'r' }],
    floatingIPs: [{ port_id: 'p' }],
  } as unknown as Have;
  expect(done(usable)).toMatchObject({ image: true, external: false, network: true, router: true, floatingip: true });
});

test.each([
  ['nothing', [], false, false],
  ['SSH alone', [rule({ protocol: 'tcp', port_range_min: 22, port_range_max: 22 })], true, false],
  ['a range of ports', [rule({ protocol: '6', port_range_min: 1, port_range_max: 1000 })], true, false],
  ['other ports', [rule({ protocol: 'tcp', port_range_min: 80, port_range_max: 80 })], false, false],
  ['all ICMP', [rule({ protocol: 'icmp' })], false, true],
  ['echo requests', [rule({ protocol: 'icmp', port_range_min: 8, port_range_max: 0 })], false, true],
  ['other ICMP', [rule({ protocol: 'icmp', port_range_min: 3 })], false, false],
  ['everything', [rule({})], true, true],
  ['only the way out', [rule({ direction: 'egress' })], false, false],
  ['members of the group alone', [rule({ remote_group_id: 'g' })], false, false],
])('%s', (_, rules, ssh, ping) => {
  expect(opensSSH(groups(...rules))).toBe(ssh);
  expect(opensPing(groups(...rules))).toBe(ping);
});
