import { expect, test } from 'vitest';
import type { Endpoint } from '~/api/identity';
import { difference, filtersOf, filterValues, holds } from './endpointGroup';

test('only what is chosen is a filter', () => {
  expect(filtersOf({ service: 's', region: '', kind: 'public' })).toEqual({ service_id: 's', interface: 'public' });
  expect(filtersOf(filterValues())).toEqual({});
});

test('what was read is written back', () => {
  const filters = { service_id: 's', region_id: 'r', interface: 'admin' as const };
  expect(filtersOf(filterValues(filters))).toEqual(filters);
  expect(filterValues({ region_id: 'r' })).toEqual({ service: '', region: 'r', kind: '' });
});

test('an endpoint is in the groups whose filters it meets, all of them', () => {
  const endpoint = { service_id: 's', interface: 'public', region_id: 'r' } as Endpoint;
  expect(holds({ filters: { service_id: 's' } }, endpoint)).toBe(true);
  expect(holds({ filters: { service_id: 's', region_id: 'r', interface: 'public' } }, endpoint)).toBe(true);
  expect(holds({ filters: { service_id: 's', interface: 'admin' } }, endpoint)).toBe(false);
});

test('only what differs is written', () => {
  expect(difference(['a', 'b'], ['b', 'c'])).toEqual({ add: ['c'], remove: ['a'] });
});
