import { expect, test } from 'vitest';
import { optionsOf, readValue, writeValue } from './domainConfig';

test('a configuration is a list of options', () => {
  expect(optionsOf({ identity: { driver: 'ldap' }, ldap: { page_size: 20 } }).map((o) => [o.name, o.value])).toEqual([
    ['identity.driver', 'ldap'],
    ['ldap.page_size', 20],
  ]);
});

test.each([
  ['20', 20],
  ['true', true],
  ['cn=example,cn=com', 'cn=example,cn=com'],
  ['["a"]', ['a']],
])('the value %s', (text, value) => {
  expect(readValue(text)).toEqual(value);
  expect(writeValue(value)).toBe(text);
});
