import { describe, expect, it } from 'vitest';
import { graphOf } from './graph';
import { type Box, layoutOf } from './layout';
import { network, parts, port, router, server } from './sample';

const apart = (a: Box, b: Box) =>
  a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;

function overlaps(boxes: Map<string, Box>): string[] {
  const all = [...boxes];
  return all.flatMap(([a, box], i) =>
    all
      .slice(i + 1)
      .filter(([, other]) => !apart(box, other))
      .map(([b]) => `${a} ${b}`),
  );
}

describe('layoutOf', () => {
  it.each([0, 1, 7, 200])(
    'has a place for everything with %i instances, and nothing lies on anything else',
    (count) => {
      const graph = graphOf(parts(count));
      const { boxes, grounds } = layoutOf(graph);
      expect([...boxes.keys()].sort()).toEqual([...graph.things.keys()].sort());
      expect(overlaps(boxes)).toEqual([]);
      expect(overlaps(grounds)).toEqual([]);
    },
  );

  it('stands in layers: outside, routers, networks, instances', () => {
    const { boxes } = layoutOf(graphOf(parts(4)));
    const y = (id: string) => boxes.get(id)?.y ?? Number.NaN;
    expect(y('out')).toBeLessThan(y('r'));
    expect(y('r')).toBeLessThan(y('a'));
    expect(y('a')).toBe(y('b'));
    expect(y('a')).toBeLessThan(y('s0'));
  });

  it('does not depend on the order in which the parts come', () => {
    const there = parts(20);
    const back = {
      networks: [...there.networks].reverse(),
      subnets: [...there.subnets].reverse(),
      routers: [...there.routers].reverse(),
      servers: [...there.servers].reverse(),
      ports: [...there.ports].reverse(),
    };
    const sorted = (boxes: Map<string, Box>) => [...boxes].sort(([a], [b]) => a.localeCompare(b));
    expect(sorted(layoutOf(graphOf(back)).boxes)).toEqual(sorted(layoutOf(graphOf(there)).boxes));
  });

  it('keeps 200 instances on two networks about as wide as high', () => {
    const all = [...layoutOf(graphOf(parts(200))).boxes.values()];
    const width = Math.max(...all.map((b) => b.x + b.width)) - Math.min(...all.map((b) => b.x));
    const height = Math.max(...all.map((b) => b.y + b.height)) - Math.min(...all.map((b) => b.y));
    expect(width / height).toBeGreaterThan(0.5);
    expect(width / height).toBeLessThan(4);
  });

  it('puts an external network with instances among the others, and has room for who has no network', () => {
    const graph = graphOf({
      networks: [network('out', { 'router:external': true })],
      subnets: [],
      routers: [router('r', 'out')],
      servers: [server('on'), server('off')],
      ports: [port('on', 'out', 'x')],
    });
    const { boxes, home } = layoutOf(graph);
    expect(boxes.get('r')?.y).toBeLessThan(boxes.get('out')?.y ?? 0);
    expect(home.get('on')).toBe('out');
    expect(home.has('off')).toBe(false);
    expect(overlaps(boxes)).toEqual([]);
  });
});
