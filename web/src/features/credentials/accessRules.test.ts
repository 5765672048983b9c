import { beforeAll, expect, test } from 'vitest';
import type { ApplicationCredential } from '~/api/identity';
import { startWords } from '~/test/words';
import { accessRules, parseRules, usersOf, writeRule } from './accessRules';

beforeAll(() => startWords());

test('rules are read and written', () => {
  const text = 'GET compute /v2.1/servers\nPOST  image  /v2/images/**\n';
  expect(parseRules(text)).toEqual([
    { method: 'GET', service: 'compute', path: '/v2.1/servers' },
    { method: 'POST', service: 'image', path: '/v2/images/**' },
  ]);
  expect(parseRules(text).map(writeRule)).toEqual(['GET compute /v2.1/servers', 'POST image /v2/images/**']);
});

test.each([
  ['GET compute /v2.1/servers', undefined],
  ['', undefined],
  ['LIST compute /v2.1/servers', 'Method, service and path, like GET compute /v2.1/servers'],
  ['GET compute servers', 'Method, service and path, like GET compute /v2.1/servers'],
])('rules %j', (value, wrong) => expect(accessRules(value)).toBe(wrong));

test('a rule is used by the credentials that have it', () => {
  const rule = { id: 'r', method: 'GET', service: 'compute', path: '/v2.1/servers' };
  const credentials = [
    { name: 'backup', access_rules: [rule] },
    { name: 'other', access_rules: [{ ...rule, id: 'other' }] },
    { name: 'all' },
  ] as ApplicationCredential[];
  expect(usersOf(rule, credentials)).toEqual(['backup']);
  expect(usersOf({ id: 'none' }, credentials)).toEqual([]);
});
