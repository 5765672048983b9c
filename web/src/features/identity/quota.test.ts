import { expect, test } from 'vitest';
import { changes, computeQuotas, limitsOf, lowest, networkQuotas } from './quota';

const compute = computeQuotas({
  ram: { limit: 51200, in_use: 1024 },
  new_thing: { limit: 1, in_use: 0 },
  key_pairs: { limit: 100, in_use: 0 },
  instances: { limit: 10, in_use: 3 },
});
const network = networkQuotas({ router: { limit: -1, used: 2 }, network: { limit: 100, used: 1 } });

test('quotas have an order; unknown ones come last', () => {
  expect(compute.map((q) => q.resource)).toEqual(['instances', 'ram', 'key_pairs', 'new_thing']);
  expect(network.map((q) => q.resource)).toEqual(['network', 'router']);
  expect(limitsOf('network', { router: 10, network: 100 }).map((q) => q.resource)).toEqual(['network', 'router']);
});

test('what has no sum for a project shows none', () => {
  expect(compute.find((q) => q.resource === 'key_pairs')?.used).toBeUndefined();
  expect(compute.find((q) => q.resource === 'instances')?.used).toBe(3);
});

test('only what was changed is sent, to its own service', () => {
  const values = { instances: '10', ram: '-1', key_pairs: ' ', network: '7', router: '-1' };
  const all = [...compute, ...network];
  expect(changes(all, values, 'compute')).toEqual({ ram: -1 });
  expect(changes(all, values, 'network')).toEqual({ network: 7 });
});

test('compute takes no limit below what is used, the network does', () => {
  expect(compute.map(lowest)).toEqual([3, 1024, 0, 0]);
  expect(network.map(lowest)).toEqual([0, 0]);
});
