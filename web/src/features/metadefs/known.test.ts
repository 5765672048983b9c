import { beforeAll, expect, test } from 'vitest';
import type { Namespace, PropertyType } from '~/api/metadef';
import { startWords } from '~/test/words';
import { knownOf, ruleOf } from './known';

beforeAll(() => startWords());

const type = (rest: Partial<PropertyType>): PropertyType => ({ title: 'T', type: 'string', ...rest });

test('keys come from properties and from objects, with what they can be', () => {
  const namespace = {
    namespace: 'OS::Compute::X',
    display_name: 'X',
    properties: { hw_a: type({ enum: ['a', 'b'], default: 'a' }), hw_b: type({ type: 'boolean' }) },
    objects: [{ name: 'Disk', properties: { hw_c: type({ type: 'integer', minimum: 1, default: 2 }) } }],
  } as unknown as Namespace;
  expect(knownOf([namespace]).map(({ rule, ...rest }) => ({ ...rest, checked: rule !== undefined }))).toMatchObject([
    { key: 'hw_a', group: 'X', values: ['a', 'b'], initial: 'a', checked: true },
    { key: 'hw_b', group: 'X', values: ['true', 'false'], initial: '', checked: true },
    { key: 'hw_c', group: 'X: Disk', values: undefined, initial: '2', checked: true },
  ]);
});

test.each<[string, Partial<PropertyType>, string, boolean]>([
  ['one of some', { enum: ['a'] }, 'a', true],
  ['none of some', { enum: ['a'] }, 'b', false],
  ['a number within', { type: 'integer', minimum: 1, maximum: 3 }, '3', true],
  ['a number beyond', { type: 'integer', minimum: 1, maximum: 3 }, '4', false],
  ['no number', { type: 'integer' }, '', false],
  ['the form', { pattern: '^a+$' }, 'aa', true],
  ['another form', { pattern: '^a+$' }, 'b', false],
  ['too long', { maxLength: 1 }, 'ab', false],
  ['an expression that cannot be read', { pattern: '(?<' }, 'anything', true],
  ['anything', {}, 'anything', true],
])('%s', (_, rest, value, good) => {
  expect(ruleOf(type(rest))?.(value) === undefined).toBe(good);
});
