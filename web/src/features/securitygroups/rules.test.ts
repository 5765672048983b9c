import { beforeAll, describe, expect, it } from 'vitest';
import { startWords } from '~/test/words';
import { meaning, newRules, opensAll, portsOf, type RuleSpec, remoteRanges, rulesOf, templateOf } from './rules';

beforeAll(() => startWords());

const ssh: RuleSpec = {
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: 'tcp',
  port_range_min: 22,
  port_range_max: 22,
  remote_ip_prefix: '0.0.0.0/0',
  remote_group_id: null,
};

describe('rulesOf', () => {
  it('is each kind of traffic from each place', () => {
    const all = rulesOf({ ...newRules, templates: ['ssh', 'ping'] });
    expect(all.map((r) => [r.ethertype, r.protocol, r.port_range_min])).toEqual([
      ['IPv4', 'tcp', 22],
      ['IPv6', 'tcp', 22],
      ['IPv4', 'icmp', null],
      ['IPv6', 'ipv6-icmp', null],
    ]);
    expect(all[1]?.remote_ip_prefix).toBe('::/0');
  });

  it('takes the version of a range from the range', () => {
    const all = rulesOf({ ...newRules, templates: ['ssh'], remote: 'ranges', ranges: '10.0.0.0/8\nfd00::1' });
    expect(all.map((r) => r.ethertype)).toEqual(['IPv4', 'IPv6']);
  });

  it('has the ports of a rule of one’s own, and the type and code of ICMP', () => {
    const own = { ...newRules, custom: true, anywhere: ['IPv4'] };
    expect(rulesOf({ ...own, ports: '8000-8080' })[0]).toMatchObject({ port_range_min: 8000, port_range_max: 8080 });
    expect(rulesOf({ ...own, ports: '25' })[0]).toMatchObject({ port_range_min: 25, port_range_max: 25 });
    expect(rulesOf({ ...own, protocol: 'icmp', ports: '8' })[0]).toMatchObject({
      port_range_min: 8,
      port_range_max: null,
    });
    expect(rulesOf({ ...own, protocol: 'number', protocolNumber: '47', ports: '1' })[0]).toMatchObject({
      protocol: '47',
      port_range_min: null,
    });
  });

  it('makes no IPv4 rule of a protocol of IPv6, and no rule twice', () => {
    expect(rulesOf({ ...newRules, custom: true, protocol: 'ipv6-route' }).map((r) => r.ethertype)).toEqual(['IPv6']);
    expect(rulesOf({ ...newRules, templates: ['ping', 'allICMP'], anywhere: ['IPv4'] })).toHaveLength(1);
  });
});

describe('meaning', () => {
  it('is the same where the API sees the same', () => {
    expect(meaning({ ...ssh, remote_ip_prefix: null })).toBe(meaning(ssh));
    expect(meaning({ ...ssh, protocol: '6' })).toBe(meaning(ssh));
    expect(meaning({ ...ssh, remote_ip_prefix: '10.0.0.5/8' })).toBe(
      meaning({ ...ssh, remote_ip_prefix: '10.0.0.0/8' }),
    );
    expect(meaning({ ...ssh, port_range_min: 1, port_range_max: 65_535 })).toBe(
      meaning({ ...ssh, port_range_min: null, port_range_max: null }),
    );
    expect(meaning({ ...ssh, remote_ip_prefix: '10.0.0.5' })).toBe(
      meaning({ ...ssh, remote_ip_prefix: '10.0.0.5/32' }),
    );
  });
  it('is another for another port', () => {
    expect(meaning({ ...ssh, port_range_max: 23 })).not.toBe(meaning(ssh));
  });
});

describe('opensAll', () => {
  it.each([
    ['everything from everywhere', { protocol: null, port_range_min: null, port_range_max: null }, true],
    ['all TCP from everywhere', { port_range_min: null, port_range_max: null }, true],
    ['all ports of UDP', { protocol: 'udp', port_range_min: 1, port_range_max: 65_535 }, true],
    ['SSH from everywhere', {}, false],
    ['everything outwards', { direction: 'egress', protocol: null }, false],
    ['everything from a range', { protocol: null, remote_ip_prefix: '10.0.0.0/8' }, false],
    ['everything from a group', { protocol: null, remote_ip_prefix: null, remote_group_id: 'g' }, false],
    ['all ICMP', { protocol: 'icmp', port_range_min: null, port_range_max: null }, false],
  ] as const)('%s', (_, fields, expected) => {
    expect(opensAll({ ...ssh, ...fields })).toBe(expected);
  });
});

it('templateOf knows a rule again', () => {
  expect(templateOf(ssh)?.id).toBe('ssh');
  expect(templateOf({ ...ssh, protocol: 'ipv6-icmp', port_range_min: null, port_range_max: null })?.id).toBe('allICMP');
  expect(templateOf({ ...ssh, port_range_max: 23 })).toBeUndefined();
});

describe('what is typed', () => {
  it.each([
    ['ports', '80', true],
    ['ports', '80-90', true],
    ['ports', '90-80', false],
    ['ports', '0', false],
    ['ports', '70000', false],
    ['ports', 'http', false],
    ['icmp', '8', true],
    ['icmp', '3/4', true],
    ['icmp', '256', false],
  ] as const)('%s %s', (kind, value, good) => {
    expect(portsOf(kind)(value) === undefined).toBe(good);
  });
  it.each([
    ['10.0.0.0/8', true],
    ['10.0.0.5', true],
    ['fd00::/8\n10.0.0.0/8', true],
    ['10.0.0.0/33', false],
    ['10.0', false],
    ['all', false],
  ])('range %s', (value, good) => {
    expect(remoteRanges(value) === undefined).toBe(good);
  });
});

it('rules speak of an address group in both versions of IP', () => {
  const rules = rulesOf({ ...newRules, templates: ['ssh'], remote: 'addresses', addresses: 'g' });
  expect(rules.map((r) => [r.ethertype, r.remote_address_group_id, r.remote_ip_prefix])).toEqual([
    ['IPv4', 'g', null],
    ['IPv6', 'g', null],
  ]);
  expect(rules.some(opensAll)).toBe(false);
  expect(new Set([...rules, ...rulesOf({ ...newRules, templates: ['ssh'] })].map(meaning)).size).toBe(4);
});
