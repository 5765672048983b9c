import { describe, expect, test } from 'vitest';
import type { AbsoluteLimits, Flavor, Server } from '~/api/compute';
import { beyondQuota, linesOf, unfitOf } from './resize';

const server = {
  flavor: { original_name: 'small', vcpus: 2, ram: 1024, disk: 10, ephemeral: 5, swap: 256 },
} as unknown as Server;

const flavor = (rest: Partial<Flavor>): Flavor =>
  ({
    id: 'f',
    name: 'other',
    vcpus: 4,
    ram: 2048,
    disk: 20,
    swap: 256,
    'OS-FLV-EXT-DATA:ephemeral': 5,
    ...rest,
  }) as Flavor;

describe('what a server can become', () => {
  test.each<[string, Partial<Flavor>, string | undefined]>([
    ['larger', {}, undefined],
    ['fewer processors and less memory', { vcpus: 1, ram: 128 }, undefined],
    ['the flavor that it has', { name: 'small' }, 'same'],
    ['a smaller disk', { disk: 9 }, 'rootDisk'],
    ['no disk', { disk: 0 }, 'zeroDisk'],
    ['a smaller second disk', { 'OS-FLV-EXT-DATA:ephemeral': 4 }, 'ephemeral'],
    ['less swap', { swap: 128 }, 'swap'],
    ['no swap', { swap: '' }, undefined],
  ])('%s', (_, rest, wanted) => {
    expect(unfitOf(server, flavor(rest))).toBe(wanted);
  });
});

test('only what gets larger needs quota', () => {
  const limits = (rest: Partial<AbsoluteLimits>) =>
    ({ maxTotalCores: 10, totalCoresUsed: 9, maxTotalRAMSize: 4096, totalRAMUsed: 1024, ...rest }) as AbsoluteLimits;
  expect(beyondQuota(server, flavor({}), limits({}))).toEqual(['cores']);
  expect(beyondQuota(server, flavor({ vcpus: 3, ram: 8192 }), limits({}))).toEqual(['ram']);
  expect(beyondQuota(server, flavor({ vcpus: 1 }), limits({ totalCoresUsed: 12 }))).toEqual([]);
  expect(beyondQuota(server, flavor({ vcpus: 64 }), limits({ maxTotalCores: -1 }))).toEqual([]);
});

test('the comparison leaves out disks that neither has', () => {
  expect(linesOf(server, flavor({})).map((l) => l.what)).toEqual(['vcpus', 'ram', 'rootDisk', 'ephemeral', 'swap']);
  const plain = { flavor: { ...server.flavor, ephemeral: 0, swap: 0 } };
  expect(linesOf(plain, flavor({ swap: '', 'OS-FLV-EXT-DATA:ephemeral': 0 })).map((l) => l.what)).toEqual([
    'vcpus',
    'ram',
    'rootDisk',
  ]);
});
