import { expect, test } from 'vitest';
import type { FloatingIP, Port } from '~/api/network';
import { addressRows } from './addresses';

const port = (id: string, mac: string, ...addresses: string[]) =>
  ({ id, mac_address: mac, fixed_ips: addresses.map((ip_address) => ({ ip_address, subnet_id: 's' })) }) as Port;
const floating = (id: string, port_id: string | null, fixed: string | null) =>
  ({ id, port_id, fixed_ip_address: fixed }) as FloatingIP;

test('addresses find their port and their floating IPs', () => {
  const server = {
    addresses: {
      one: [
        { version: 4 as const, addr: '10.0.0.5', 'OS-EXT-IPS-MAC:mac_addr': 'aa' },
        { version: 4 as const, addr: '203.0.113.5', 'OS-EXT-IPS:type': 'floating' as const },
      ],
      // Two networks may have the same range.
      two: [{ version: 4 as const, addr: '10.0.0.5', 'OS-EXT-IPS-MAC:mac_addr': 'bb' }],
    },
  };
  const rows = addressRows(
    server,
    [port('p1', 'aa', '10.0.0.5'), port('p2', 'bb', '10.0.0.5')],
    [floating('f1', 'p1', '10.0.0.5'), floating('f2', null, null)],
  );
  expect(rows.map((r) => [r.network, r.port, r.floating.map((f) => f.id)])).toEqual([
    ['one', 'p1', ['f1']],
    ['two', 'p2', []],
  ]);
});

test('what has no port yet has no floating IP either', () => {
  const server = { addresses: { one: [{ version: 4 as const, addr: '10.0.0.5' }] } };
  const [row] = addressRows(server, [], [floating('f2', null, null)]);
  expect(row?.port).toBeUndefined();
  expect(row?.floating).toEqual([]);
});
