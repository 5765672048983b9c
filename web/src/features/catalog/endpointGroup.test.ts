import { expect, test } from 'vitest';
import { filtersOf, filterValues } from './endpointGroup';

test('only what is chosen is a filter', () => {
  expect(filtersOf({ service: 's', region: '', kind: 'public' })).toEqual({ service_id: 's', interface: 'public' });
  expect(filtersOf(filterValues())).toEqual({});
});

test('what was read is written back', () => {
  const filters = { service_id: 's', region_id: 'r', interface: 'admin' as const };
  expect(filtersOf(filterValues(filters))).toEqual(filters);
  expect(filterValues({ region_id: 'r' })).toEqual({ service: '', region: 'r', kind: '' });
});
