import { expect, test } from 'vitest';
import { gatewayFields } from './mutations';

const gateway = { network: 'n', snat: true, subnet: '', address: '', qos: '' };

test('others than administrators send neither SNAT nor addresses', () => {
  expect(gatewayFields({ ...gateway, subnet: 's', address: '192.0.2.7' }, { admin: false })).toEqual({
    network_id: 'n',
  });
  expect(gatewayFields({ ...gateway, subnet: 's', address: ' 192.0.2.7 ' }, { admin: true })).toEqual({
    network_id: 'n',
    enable_snat: true,
    external_fixed_ips: [{ subnet_id: 's', ip_address: '192.0.2.7' }],
  });
  expect(gatewayFields({ ...gateway, network: '' }, { admin: true })).toBeNull();
});

test.each([
  ['none, as before', '', undefined, {}],
  ['the same', 'p', 'p', {}],
  ['the first', 'p', null, { qos_policy_id: 'p' }],
  ['another', 'q', 'p', { qos_policy_id: 'q' }],
  ['none any more', '', 'p', { qos_policy_id: null }],
])('the QoS policy is sent when it changes: %s', (_, qos, before, sent) =>
  expect(gatewayFields({ ...gateway, qos }, { admin: false, policy: before })).toEqual({ network_id: 'n', ...sent }),
);
