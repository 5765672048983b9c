import { expect, test } from 'vitest';
import type { PropertyType } from '~/api/metadef';
import { propertyOf, valuesOf } from './propertyForm';

test.each<[string, PropertyType]>([
  ['text', { title: 'T', type: 'string', description: 'd', enum: ['a', 'b'], default: 'a' }],
  ['text of a form', { title: 'T', type: 'string', description: '', pattern: '^a', maxLength: 3 }],
  ['a number', { title: 'T', type: 'integer', description: '', minimum: 0, maximum: 4, default: 0 }],
  ['yes or no', { title: 'T', type: 'boolean', description: '', default: false }],
  ['a list', { title: 'T', type: 'array', description: '', items: { type: 'string', enum: ['a'] } }],
])('%s comes out as it went in', (_, property) => {
  expect(propertyOf(valuesOf('p', property), property)).toEqual({ ...property, name: 'p' });
});

test('what another type has goes', () => {
  const before: PropertyType = { title: 'T', type: 'integer', minimum: 1, default: 2 };
  expect(propertyOf({ ...valuesOf('p', before), type: 'string', initial: '' }, before)).toEqual({
    name: 'p',
    title: 'T',
    type: 'string',
    description: '',
  });
});
