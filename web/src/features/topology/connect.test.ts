import { describe, expect, it } from 'vitest';
import { connectionOf } from './connect';
import { graphOf } from './graph';
import { leg, network, parts, port, router, server, subnet } from './sample';
import { toneOf } from './tone';

describe('graphOf', () => {
  it('joins routers and instances to networks, not what serves DHCP', () => {
    const { joins } = graphOf(parts(1));
    expect(joins.map((j) => j.id)).toEqual(['gateway r out', 'instance s0 a', 'interface r a', 'interface r b']);
    expect(joins[0]?.addresses).toEqual(['172.24.4.9']);
  });

  it('puts ports of one thing on one network together, and leaves out what is not there', () => {
    const there = parts(0);
    there.ports.push(leg('r', 'a', 'a6'), port('gone', 'a', 'a4'), leg('r', 'gone', 'g4'));
    const { joins } = graphOf(there);
    expect(joins).toHaveLength(3);
    expect(joins.find((j) => j.id === 'interface r a')?.ports).toHaveLength(2);
  });

  it('is down when none of its ports works', () => {
    const there = parts(0);
    there.ports = there.ports.map((p) => ({ ...p, status: 'DOWN' }));
    expect(graphOf(there).joins.map((j) => j.up)).toEqual([true, false, false]);
  });
});

describe('connectionOf', () => {
  const there = parts(1);
  there.networks.push(network('same'), network('two'), network('out2', { 'router:external': true }));
  there.subnets.push(
    subnet('same4', 'same', '10.0.0.0/25'),
    subnet('two4', 'two', '10.0.0.128/25'),
    subnet('two5', 'two', '10.5.0.0/24'),
    subnet('two6', 'two', '10.6.0.0/24'),
  );
  const graph = graphOf(there);
  it.each([
    ['a', 'b', 'networks'],
    ['r', 'spare', 'routers'],
    ['r', 's0', 'instance'],
    ['s0', 'a', 'instance'],
    ['r', 'r', 'same'],
    ['r', 'idle', 'noSubnets'],
    ['r', 'a', 'joined'],
    ['r', 'same', 'overlap'],
    ['r', 'out', 'gatewayAlready'],
    ['r', 'nothing', 'gone'],
  ])('%s and %s: %s', (a, b, why) => {
    expect(connectionOf(graph, a, b)).toEqual({ do: 'refuse', why });
  });

  it('is the same from either end', () => {
    const wanted = { do: 'interface', router: 'spare', network: 'a', subnets: ['a4'] };
    expect(connectionOf(graph, 'spare', 'a')).toEqual(wanted);
    expect(connectionOf(graph, 'a', 'spare')).toEqual(wanted);
  });

  it('sets a gateway, or replaces the one that is there', () => {
    expect(connectionOf(graph, 'spare', 'out')).toMatchObject({ do: 'gateway', replaces: false });
    expect(connectionOf(graph, 'out2', 'r')).toMatchObject({ do: 'gateway', router: 'r', replaces: true });
  });

  it('offers the subnets that do not overlap with what the router has', () => {
    expect(connectionOf(graph, 'r', 'two')).toMatchObject({ subnets: ['two5', 'two6'] });
  });
});

describe('toneOf', () => {
  const of = (status: string, task: string | null = null) =>
    toneOf({
      kind: 'instance',
      id: 'x',
      name: 'x',
      server: { ...server('x', status), 'OS-EXT-STS:task_state': task },
    });
  it.each([
    ['ACTIVE', null, 'good'],
    ['ACTIVE', 'powering-off', 'busy'],
    ['SHUTOFF', null, 'off'],
    ['ERROR', null, 'bad'],
    ['BUILD', null, 'busy'],
  ])('%s, %s: %s', (status, task, tone) => {
    expect(of(status, task)).toBe(tone);
  });

  it('is off for what is switched off, whatever its status is', () => {
    const off = { ...router('r'), admin_state_up: false };
    expect(toneOf({ kind: 'router', id: 'r', name: 'r', router: off })).toBe('off');
  });
});
