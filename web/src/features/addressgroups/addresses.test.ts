import { beforeAll, expect, test } from 'vitest';
import { startWords } from '~/test/words';
import { addressList } from './addresses';

beforeAll(() => startWords());

test.each([
  ['10.0.0.0/8\n192.0.2.7\nfd00::/64', undefined],
  ['', undefined],
  ['10.0.0.1/8', 'The range is written 10.0.0.0/8'],
  ['10.0.0.1\n10.0.0.1', 'This is there already'],
  ['example.org', 'A range, like 10.0.0.0/24'],
])('addresses %j', (value, wrong) => expect(addressList(value)).toBe(wrong));
