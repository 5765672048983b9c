import { expect, test } from 'vitest';
import { pairsChange, pairsOf, recordOf } from './PairsField';

test('a record becomes pairs and back', () => {
  const record = { ssd: 'true', zone: '' };
  expect(recordOf(pairsOf(record))).toEqual(record);
  expect(recordOf([{ key: ' ssd ', value: ' x ' }])).toEqual({ ssd: ' x ' });
});

test('a change holds what differs, and null for what is gone', () => {
  const before = { same: '1', other: '2', gone: '3' };
  const after = pairsOf({ same: '1', other: '4', added: '' });
  expect(pairsChange(before, after)).toEqual({ other: '4', added: '', gone: null });
  expect(pairsChange(before, pairsOf(before))).toEqual({});
});
