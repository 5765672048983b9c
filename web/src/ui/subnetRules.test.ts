import { beforeAll, describe, expect, it } from 'vitest';
import { startWords } from '~/test/words';
import {
  addressPairs,
  contains,
  gatewayOf,
  hostRoutes,
  nameservers,
  networkOf,
  nextHop,
  overlap,
  parsePools,
  poolsOf,
  routeDestination,
  subnetRange,
} from './subnetRules';

beforeAll(() => startWords());

const plain = { dhcp: false, slaac: false };

describe('subnetRange', () => {
  it.each([
    ['10.0.0.0/24', 4, plain, undefined],
    ['10.0.0.5/24', 4, plain, /10\.0\.0\.0\/24/],
    ['10.0.0/24', 4, plain, /IPv4/],
    ['fd00::/64', 4, plain, /IPv4/],
    ['10.0.0.0/31', 4, plain, undefined],
    ['10.0.0.0/31', 4, { dhcp: true, slaac: false }, /DHCP/],
    ['0.0.0.0/0', 4, plain, /hosts/],
    ['224.0.0.0/24', 4, plain, /hosts/],
    ['127.0.0.0/8', 4, plain, /hosts/],
    ['fd00::/64', 6, { dhcp: true, slaac: true }, undefined],
    ['fd00::/48', 6, { dhcp: true, slaac: true }, /64/],
    ['fd00::1/64', 6, plain, /fd00::\/64/],
    ['fd00::/127', 6, { dhcp: true, slaac: false }, /DHCP/],
  ] as const)('%s of IPv%s', (value, version, options, wrong) => {
    const said = subnetRange(version, options)(value);
    if (wrong) expect(said).toMatch(wrong);
    else expect(said).toBeUndefined();
  });
});

it('networkOf takes the bits of the host away', () => {
  expect(networkOf('192.168.130.7/23')).toBe('192.168.130.0/23');
  expect(networkOf('fd00::ffff:1/112')).toBe('fd00::ffff:0/112');
});

it('overlap and contains compare ranges of one version', () => {
  expect(overlap('10.0.0.0/8', '10.1.0.0/16')).toBe(true);
  expect(overlap('10.0.0.0/24', '10.0.1.0/24')).toBe(false);
  expect(overlap('10.0.0.0/8', 'fd00::/8')).toBe(false);
  expect(overlap('10.0.0', '10.0.0.0/8')).toBe(false);
  expect(contains('10.0.0.0/24', '10.0.0.255')).toBe(true);
  expect(contains('10.0.0.0/24', '10.0.1.0')).toBe(false);
});

describe('gatewayOf', () => {
  it('takes hosts of the range and what is outside, but not its ends', () => {
    const rule = gatewayOf('10.0.0.0/24');
    expect(rule('10.0.0.1')).toBeUndefined();
    expect(rule('10.9.9.9')).toBeUndefined();
    expect(rule('10.0.0.0')).toBeDefined();
    expect(rule('10.0.0.255')).toBeDefined();
    expect(rule('fd00::1')).toMatch(/IPv4/);
    expect(gatewayOf('fd00::/64')('fd00::ffff:ffff:ffff:ffff')).toBeUndefined();
  });
});

describe('poolsOf', () => {
  const rule = poolsOf('10.0.0.0/24', '10.0.0.1');
  it.each([
    ['10.0.0.10-10.0.0.20', undefined],
    ['10.0.0.10 - 10.0.0.20\n10.0.0.30,10.0.0.40', undefined],
    ['10.0.0.20-10.0.0.10', /Two addresses/],
    ['10.0.0.10', /Two addresses/],
    ['10.0.0.10-10.0.1.5', /beyond/],
    ['10.0.0.200-10.0.0.255', /beyond/],
    ['10.0.0.1-10.0.0.9', /gateway/],
    ['10.0.0.10-10.0.0.20\n10.0.0.20-10.0.0.30', /overlaps/],
  ])('%j', (value, wrong) => {
    if (wrong) expect(rule(value)).toMatch(wrong);
    else expect(rule(value)).toBeUndefined();
  });

  it('reads what it takes', () => {
    expect(parsePools('fd00::10-fd00::20')).toEqual([{ start: 'fd00::10', end: 'fd00::20' }]);
  });
});

it('nameservers takes five of the version, each once', () => {
  expect(nameservers(4)('1.1.1.1\n8.8.8.8')).toBeUndefined();
  expect(nameservers(4)('fd00::1')).toMatch(/IPv4/);
  expect(nameservers(4)('1.1.1.1\n1.1.1.1')).toMatch(/twice/);
  expect(nameservers(4)('1.1.1.1\n1.1.1.2\n1.1.1.3\n1.1.1.4\n1.1.1.5\n1.1.1.6')).toMatch(/5/);
});

it('routes have a range without host bits and a next hop of its version', () => {
  expect(hostRoutes(4)('10.1.0.0/16 10.0.0.1')).toBeUndefined();
  expect(hostRoutes(4)('10.1.0.0/16')).toBeDefined();
  expect(hostRoutes(4)('10.1.0.0/16 fd00::1')).toBeDefined();
  expect(hostRoutes(4)('10.1.0.1/16 10.0.0.1')).toMatch(/10\.1\.0\.0\/16/);
  expect(routeDestination('0.0.0.0/0')).toBeUndefined();
});

it('nextHop lies in a range of the router, and is not the router', () => {
  const rule = nextHop(['10.0.0.0/24', '172.24.4.0/24'], ['10.0.0.1']);
  expect(rule('10.0.0.9')).toBeUndefined();
  expect(rule('10.0.0.1')).toMatch(/own/);
  expect(rule('10.0.1.9')).toMatch(/10\.0\.0\.0\/24 or 172\.24\.4\.0\/24/);
  expect(rule('x')).toBeDefined();
});

it('addressPairs are addresses or ranges, with a MAC address if need be', () => {
  expect(addressPairs('10.0.0.9\n10.1.0.0/16 fa:16:3e:00:00:01')).toBeUndefined();
  expect(addressPairs('0.0.0.0/0')).toBeDefined();
  expect(addressPairs('10.0.0.9 xx')).toBeDefined();
});
