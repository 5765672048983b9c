import { expect, test } from 'vitest';
import { patchOf } from './mutations';

test('only what differs is patched', () => {
  expect(patchOf({ name: 'a', min_disk: 1 }, { name: 'a', min_disk: 2 })).toEqual([
    { op: 'replace', path: '/min_disk', value: 2 },
  ]);
});

test('properties come and go, whatever their names', () => {
  expect(patchOf({ old: 'x' }, { old: null, gone: null, 'a/b~c': 'y' })).toEqual([
    { op: 'remove', path: '/old' },
    { op: 'add', path: '/a~1b~0c', value: 'y' },
  ]);
});

test('tags are compared as a whole', () => {
  expect(patchOf({ tags: ['a'] }, { tags: ['a'] })).toEqual([]);
  expect(patchOf({ tags: ['a'] }, { tags: ['a', 'b'] })).toEqual([{ op: 'replace', path: '/tags', value: ['a', 'b'] }]);
});
