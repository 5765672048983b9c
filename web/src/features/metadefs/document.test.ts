import { beforeAll, expect, test } from 'vitest';
import type { Namespace } from '~/api/metadef';
import { startWords } from '~/test/words';
import { documentOf, jsonRule, readDocument } from './document';
import words from './en.json';

beforeAll(() => startWords('metadefs', words));

const namespace = {
  namespace: 'N',
  visibility: 'public',
  protected: false,
  owner: 'p',
  created_at: 'x',
  self: '/v2/metadefs/namespaces/N',
  objects: [{ name: 'O', created_at: 'x', self: 'y', properties: { schema: { title: 'S', type: 'string' } } }],
  resource_type_associations: [{ name: 'OS::Glance::Image', prefix: 'hw_', updated_at: 'x' }],
} as unknown as Namespace;

test('a file has what makes a namespace again, and no more', () => {
  expect(documentOf(namespace)).toEqual({
    namespace: 'N',
    visibility: 'public',
    protected: false,
    objects: [{ name: 'O', properties: { schema: { title: 'S', type: 'string' } } }],
    resource_type_associations: [{ name: 'OS::Glance::Image', prefix: 'hw_' }],
  });
  expect(readDocument(JSON.stringify(namespace))).toEqual(documentOf(namespace));
});

test.each(['', '{', '[]', '{}', '{"namespace": 1}', '"namespace"'])('%s is no namespace', (text) => {
  expect(readDocument(text)).toBeUndefined();
});

test('only objects are taken for properties', () => {
  expect(jsonRule('{"a": 1}')).toBeUndefined();
  expect(jsonRule('[1]')).not.toBeUndefined();
  expect(jsonRule('')).not.toBeUndefined();
});
