import { expect, test } from 'vitest';
import type { FloatingIP } from '~/api/network';
import { editFields } from './mutations';

const before = { description: 'web', qos_policy_id: 'p' } as FloatingIP;

test.each([
  ['the same', 'p', { description: 'web' }],
  ['another', 'q', { description: 'web', qos_policy_id: 'q' }],
  ['none', '', { description: 'web', qos_policy_id: null }],
])('the QoS policy is sent when it changes: %s', (_, qos, fields) =>
  expect(editFields(before, { description: 'web', qos })).toEqual(fields),
);

test('clouds without QoS policies are sent none', () =>
  expect(editFields({ description: '' } as FloatingIP, { description: 'x', qos: '' })).toEqual({ description: 'x' }));
