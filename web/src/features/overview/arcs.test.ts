import { expect, test } from 'vitest';
import { arcsOf, countByStatus, lookOf, slicesOf } from './arcs';

test('arcs follow one another and never go round twice', () => {
  expect(
    arcsOf(
      [
        { look: 'a', value: 1 },
        { look: 'none', value: 0 },
        { look: 'b', value: 2 },
      ],
      4,
    ),
  ).toEqual([
    { look: 'a', from: 0, share: 0.25 },
    { look: 'b', from: 0.25, share: 0.5 },
  ]);
  expect(arcsOf([{ look: 'a', value: 9 }], 3)).toEqual([{ look: 'a', from: 0, share: 1 }]);
  expect(arcsOf([{ look: 'a', value: 1 }], 0)).toEqual([]);
});

test('quotas look as full as they are', () => {
  expect([lookOf(0, 10), lookOf(8, 10), lookOf(10, 10), lookOf(0, 0)]).toEqual(['room', 'high', 'full', 'full']);
});

test('servers are counted by state, and like states are one slice', () => {
  const counts = countByStatus(['SHUTOFF', 'ACTIVE', 'PAUSED', 'SHUTOFF', 'REBOOT'].map((status) => ({ status })));
  expect(counts.map((c) => `${c.status} ${c.count}`)).toEqual(['ACTIVE 1', 'SHUTOFF 2', 'PAUSED 1', 'REBOOT 1']);
  expect(slicesOf(counts)).toEqual([
    { look: 'good', value: 1 },
    { look: 'rest', value: 3 },
    { look: 'busy', value: 1 },
  ]);
});
