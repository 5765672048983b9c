import { beforeAll, expect, test } from 'vitest';
import { startWords } from '~/test/words';
import words from './en.json';
import { knownSpecs, mergeKnown, unknownSpec } from './specs';

beforeAll(() => startWords('flavors', words));

test.each<[string, string, boolean]>([
  ['hw:cpu_policy', 'dedicated', true],
  ['hw:cpu_policy', 'mine', false],
  ['hw:cpu_cores', '0', false],
  ['hw:cpu_cores', '2', true],
  ['hw:mem_page_size', '2MB', true],
  ['hw:mem_page_size', 'huge', false],
  ['hw:pmu', 'yes', false],
  ['quota:cpu_quota', '-1', true],
  ['quota:disk_read_iops_sec', '-1', false],
  ['pci_passthrough:alias', 'gpu:1', true],
])('%s can be %s: %s', (key, value, good) => {
  const known = knownSpecs((word) => word).find((k) => k.key === key);
  expect(known?.rule?.(value) === undefined).toBe(good);
});

test.each<[string, boolean]>([
  ['hw:cpu_policy', true],
  ['hw:numa_cpus.0', true],
  ['quota:vif_limit', true],
  ['resources:VCPU', true],
  ['mine', true],
  ['mine:own', true],
  ['hw:cpu_polcy', false],
  ['quota:disk', false],
])('%s is taken: %s', (key, good) => {
  expect(unknownSpec(key) === undefined).toBe(good);
});

test('what administrators define wins', () => {
  const merged = mergeKnown([{ key: 'a' }, { key: 'b' }], [{ key: 'a', title: 'mine' }]);
  expect(merged).toEqual([{ key: 'b' }, { key: 'a', title: 'mine' }]);
});
