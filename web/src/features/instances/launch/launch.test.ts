import { beforeAll, describe, expect, test } from 'vitest';
import type { AbsoluteLimits, Flavor } from '~/api/compute';
import type { Image } from '~/api/image';
import type { Network, Port, SecurityGroup, SecurityGroupRule, Subnet } from '~/api/network';
import { startI18n } from '~/app/i18n';
import { parseTags, tagsRule } from '../rules';
import { exceeds, misfitOf, quotaLines } from './fits';
import { addressProblem, autoNetwork, freePorts, lets, moved, ownNetworks, unfitOf } from './networking';
import { type Known, problemsOf } from './problems';
import { stepOf } from './steps';
import { bytesOf, encodeUserData, maxBytes, maxEncoded, readUserData } from './userData';
import { emptyValues, type LaunchValues, needsGroups, requestOf } from './values';

beforeAll(startI18n);

const flavor = (rest: Partial<Flavor> = {}) =>
  ({ id: 'f', name: 'm1.tiny', vcpus: 1, ram: 512, disk: 1, ...rest }) as Flavor;
const image = (rest: Partial<Image> = {}) =>
  ({
    id: 'i',
    name: 'cirros',
    status: 'active',
    disk_format: 'qcow2',
    size: 100,
    virtual_size: null,
    min_disk: 0,
    min_ram: 0,
    ...rest,
  }) as Image;
const network = (id: string, rest: Partial<Network> = {}) =>
  ({ id, name: id, project_id: 'p', shared: false, 'router:external': false, subnets: ['s'], ...rest }) as Network;
const values = (rest: Partial<LaunchValues> = {}): LaunchValues => ({
  ...emptyValues(new URLSearchParams()),
  name: 'web',
  image: 'i',
  flavor: 'f',
  nics: [{ kind: 'network', id: 'n', address: '' }],
  ...rest,
});

describe('the request', () => {
  test('has only what was given', () => {
    expect(requestOf(values())).toEqual({
      server: { name: 'web', imageRef: 'i', flavorRef: 'f', min_count: 1, max_count: 1, networks: [{ uuid: 'n' }] },
    });
  });

  test('has everything that was given', () => {
    const all = requestOf(
      values({
        name: ' web ',
        description: 'front',
        count: '3',
        zone: 'nova',
        nics: [
          { kind: 'port', id: 'port', address: '' },
          { kind: 'network', id: 'n', address: ' 10.0.0.9 ' },
        ],
        groups: ['g'],
        key: 'mine',
        userData: { text: 'é', file: null },
        configDrive: true,
        metadata: [{ key: ' role ', value: 'x' }],
        tags: 'a, b,a',
        serverGroup: 'sg',
        near: ['s1'],
        apart: ['s2'],
      }),
    );
    expect(all).toEqual({
      server: {
        name: 'web',
        description: 'front',
        imageRef: 'i',
        flavorRef: 'f',
        min_count: 3,
        max_count: 3,
        availability_zone: 'nova',
        networks: [{ port: 'port' }, { uuid: 'n', fixed_ip: '10.0.0.9' }],
        security_groups: [{ name: 'g' }],
        key_name: 'mine',
        user_data: 'w6k=',
        config_drive: true,
        metadata: { role: 'x' },
        tags: ['a', 'b'],
      },
      'os:scheduler_hints': { group: 'sg', same_host: ['s1'], different_host: ['s2'] },
    });
  });

  test('names no groups where no port is made', () => {
    const none = values({ networking: 'none', groups: ['g'] });
    expect(needsGroups(none)).toBe(false);
    expect(requestOf(none)).toMatchObject({ server: { networks: 'none' } });
    expect(JSON.stringify(requestOf(none))).not.toContain('security_groups');
    expect(needsGroups(values({ nics: [{ kind: 'port', id: 'x', address: '' }] }))).toBe(false);
    expect(needsGroups(values({ networking: 'auto' }))).toBe(true);
  });
});

describe('flavor and image', () => {
  test.each([
    ['fits', {}, {}, undefined],
    ['needs memory', {}, { min_ram: 1024 }, 'ram'],
    ['needs disk', {}, { min_disk: 2 }, 'minDisk'],
    ['is larger when unpacked', {}, { virtual_size: 2 * 1024 ** 3 }, 'disk'],
    ['has no disk', { disk: 0 }, {}, 'zeroDisk'],
  ])('%s', (_, f, i, word) => {
    expect(misfitOf(flavor(f), image(i), false)?.word).toBe(word);
  });

  test('administrators may use a flavor without a disk, but not one with too little memory', () => {
    expect(misfitOf(flavor({ disk: 0 }), image({ min_disk: 9 }), true)).toBeUndefined();
    expect(misfitOf(flavor({ disk: 0 }), image({ min_ram: 9999 }), true)?.word).toBe('ram');
  });

  test('a quota is exceeded by one more than is left; -1 is none', () => {
    const limits = {
      maxTotalInstances: 3,
      totalInstancesUsed: 1,
      maxTotalCores: -1,
      totalCoresUsed: 99,
      maxTotalRAMSize: 1024,
      totalRAMUsed: 0,
    } as AbsoluteLimits;
    expect(quotaLines(limits, flavor(), 2).filter(exceeds)).toEqual([]);
    expect(
      quotaLines(limits, flavor(), 3)
        .filter(exceeds)
        .map((l) => l.resource),
    ).toEqual(['instances', 'ram']);
    expect(quotaLines(limits, flavor(), Number.NaN).filter(exceeds)).toEqual([]);
  });
});

describe('networks', () => {
  test('auto is the only one of the project, else the only shared one', () => {
    const shared = network('shared', { project_id: 'other', shared: true });
    expect(autoNetwork([network('a'), shared], 'p')).toMatchObject({ id: 'a' });
    expect(autoNetwork([shared], 'p')).toMatchObject({ id: 'shared' });
    expect(autoNetwork([network('a'), network('b')], 'p')).toBe('ambiguous');
    expect(autoNetwork([network('a', { subnets: [] }), network('x', { 'router:external': true })], 'p')).toBe('none');
    expect(ownNetworks([network('a'), shared], 'p')).toHaveLength(1);
  });

  test('external networks are for administrators, and a network needs a subnet', () => {
    const external = network('x', { 'router:external': true, project_id: 'other' });
    expect(unfitOf(external, 'p', false)).toBe('external');
    expect(unfitOf(external, 'p', true)).toBeUndefined();
    expect(unfitOf(network('a', { subnets: [] }), 'p', true)).toBe('noSubnet');
  });

  test('an address lies in a subnet of its network', () => {
    const subnets = [{ network_id: 'n', cidr: '10.0.0.0/24' }] as Subnet[];
    const at = (address: string) => addressProblem({ kind: 'network', id: 'n', address }, subnets);
    expect(at('10.0.0.7')).toBeUndefined();
    expect(at('')).toBeUndefined();
    expect(at('10.0.1.7')).toContain('10.0.0.0/24');
    expect(at('x')).toBeDefined();
  });

  test('ports that nobody has, and their order', () => {
    const port = (id: string, rest: Partial<Port>) =>
      ({ id, project_id: 'p', device_id: '', device_owner: '', ...rest }) as Port;
    const ports = [port('a', {}), port('b', { device_id: 's' }), port('c', { project_id: 'q' })];
    expect(freePorts(ports, 'p').map((p) => p.id)).toEqual(['a']);
    expect(moved(['a', 'b', 'c'], 2, -1)).toEqual(['a', 'c', 'b']);
    expect(moved(['a', 'b', 'c'], 0, 1)).toEqual(['b', 'a', 'c']);
  });
});

describe('security groups', () => {
  const group = (rule: Partial<SecurityGroupRule>) =>
    [
      {
        security_group_rules: [
          {
            direction: 'ingress',
            protocol: null,
            port_range_min: null,
            port_range_max: null,
            remote_group_id: null,
            ...rule,
          },
        ],
      },
    ] as SecurityGroup[];
  test.each([
    ['everything', {}, true, true],
    ['outwards only', { direction: 'egress' }, false, false],
    ['from members', { remote_group_id: 'g' }, false, false],
    ['SSH', { protocol: 'tcp', port_range_min: 22, port_range_max: 22 }, true, false],
    ['a range of ports', { protocol: '6', port_range_min: 1, port_range_max: 100 }, true, false],
    ['the web', { protocol: 'tcp', port_range_min: 80, port_range_max: 80 }, false, false],
    ['ping', { protocol: 'icmp' }, false, true],
    ['echo requests', { protocol: 'icmp', port_range_min: 8, port_range_max: 0 }, false, true],
    ['unreachables', { protocol: 'icmp', port_range_min: 3, port_range_max: null }, false, false],
  ] as const)('%s', (_, rule, ssh, ping) => {
    expect([lets(group(rule), 'ssh'), lets(group(rule), 'ping')]).toEqual([ssh, ping]);
  });
});

describe('user data', () => {
  test('is as large as the API takes, to the byte', () => {
    const at = (n: number) => ({ text: 'x'.repeat(n), file: null });
    expect(encodeUserData(at(maxBytes)).length).toBeLessThanOrEqual(maxEncoded);
    expect(encodeUserData(at(maxBytes + 1)).length).toBeGreaterThan(maxEncoded);
    expect(bytesOf({ text: 'é', file: null })).toBe(2);
    expect(encodeUserData(at(0))).toBe('');
  });

  test('a file that is text can be changed; another is kept as it is', () => {
    expect(readUserData('a.sh', new TextEncoder().encode('#!/bin/sh'))).toEqual({ text: '#!/bin/sh', file: null });
    const gzip = new Uint8Array([0x1f, 0x8b, 8, 0]);
    expect(readUserData('a.gz', gzip)).toEqual({ text: '', file: { name: 'a.gz', base64: 'H4sIAA==', bytes: 4 } });
  });
});

describe('what stands in the way', () => {
  const known: Known = {
    project: 'p',
    isAdmin: false,
    images: [image()],
    flavors: [flavor()],
    networks: [network('n'), network('m')],
    subnets: [{ network_id: 'n', cidr: '10.0.0.0/24' }] as Subnet[],
    ports: [],
    keys: ['mine'],
  };
  const steps = (v: LaunchValues, k = known) => problemsOf(v, k).map((p) => p.step);

  test('nothing', () => {
    expect(problemsOf(values({ key: 'mine' }), known)).toEqual([]);
  });

  test.each<[string, Partial<LaunchValues>, string]>([
    ['no name', { name: ' ' }, 'details'],
    ['a line break in the description', { description: 'a\nb' }, 'details'],
    ['no count', { count: '0' }, 'details'],
    ['too many', { count: '1001' }, 'details'],
    ['no image', { image: '' }, 'source'],
    ['no flavor', { flavor: '' }, 'flavor'],
    ['a flavor that is gone', { flavor: 'x' }, 'flavor'],
    ['no networks', { nics: [] }, 'networks'],
    ['auto with two networks', { networking: 'auto' }, 'networks'],
    ['a port that is taken', { nics: [{ kind: 'port', id: 'x', address: '' }] }, 'networks'],
    ['one address for two', { count: '2', nics: [{ kind: 'network', id: 'n', address: '10.0.0.9' }] }, 'networks'],
    ['a key that is gone', { key: 'x' }, 'key'],
    ['too much user data', { userData: { text: 'x'.repeat(maxBytes + 1), file: null } }, 'advanced'],
    ['a bad key of metadata', { metadata: [{ key: 'a/b', value: '' }] }, 'advanced'],
    ['a tag with a slash', { tags: 'a/b' }, 'advanced'],
  ])('%s', (_, rest, step) => {
    expect(steps(values(rest))).toEqual([step]);
  });

  test('an image that is not ready, and a kernel', () => {
    expect(steps(values(), { ...known, images: [image({ status: 'queued' })] })).toEqual(['source']);
    expect(steps(values(), { ...known, images: [image({ disk_format: 'aki' })] })).toEqual(['source']);
  });

  test('what is not known is not checked', () => {
    expect(steps(values({ key: 'x' }), { project: 'p', isAdmin: false })).toEqual([]);
  });
});

test.each([
  ['Quota exceeded for cores, ram: Requested 8, 9, but already used 1, 1 of 2, 2 cores, ram', 'flavor'],
  ["Flavor's memory is too small for requested image.", 'flavor'],
  ['Only volume-backed servers are allowed for flavors with zero disk.', 'flavor'],
  [
    "The created instance's disk would be too small. Flavor's disk is 1 bytes, the image's minimum is 2 bytes.",
    'flavor',
  ],
  ['Image 1 is not active.', 'source'],
  ['Can not find requested image', 'source'],
  ['Invalid key_name provided.', 'key'],
  ['The requested availability zone is not available', 'details'],
  ["Quota exceeded for resources: ['port'].", 'networks'],
  ['Network 1 requires a subnet in order to boot instances on.', 'networks'],
  ['It is not allowed to create an interface on external network 1', 'networks'],
  ['Failed to launch instances: a port can be given to one server only, and max_count is greater than 1.', 'networks'],
  ['Quota exceeded, too many servers in group', 'advanced'],
  ['Instance group 1 could not be found.', 'advanced'],
  ['Security group x does not exist', 'security'],
  ['Maximum number of metadata items exceeds 128', 'advanced'],
  ["Invalid input for field/attribute user_data. Value: 'x'. 'x' is too long", 'advanced'],
  ['Something else', 'review'],
])('%s belongs to %s', (message, step) => {
  expect(stepOf({ message, status: 400 })).toBe(step);
});

test('tags are read with commas between them, each once', () => {
  expect(parseTags(' a, b ,,a')).toEqual(['a', 'b']);
  expect(tagsRule('a, b')).toBeUndefined();
  expect(tagsRule('x'.repeat(61))).toBeDefined();
  expect(tagsRule(Array.from({ length: 51 }, (_, i) => i).join(','))).toBeDefined();
});
