import type { Graph, Join, Thing } from './graph';

// Where things are drawn: external networks on top, below them routers, below them networks, and beneath each network its
// instances in a grid. The same graph is always drawn the same way, and nothing lies on anything else.

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export const sizes = {
  external: { width: 260, height: 64 },
  router: { width: 200, height: 64 },
  network: { width: 260, height: 72 },
  instance: { width: 168, height: 40 },
} as const;

const gap = { x: 56, layer: 104, cell: 10, stack: 24, ground: 16 };
/** Networks that nothing uses stand in columns of so many. */
const stackHeight = 4;
/** The cells of a grid are four times as wide as high: three times as many rows as columns make it about square. */
const columnsOf = (count: number): number => Math.max(1, Math.ceil(Math.sqrt(count / 3)));

export interface Layout {
  boxes: Map<string, Box>;
  /** The ground on which a network stands with its instances, by network. */
  grounds: Map<string, Box>;
  /** The network beneath which an instance stands, the first by name; its join with that one needs no line. */
  home: Map<string, string>;
}

type Item = { id: string; width: number; wanted: number };

/** spread puts items of a layer side by side in order of where they want their centres, as near to there as there is room. */
function spread(items: Item[]): Map<string, number> {
  const placed = new Map<string, number>();
  const sorted = [...items].sort((a, b) => a.wanted - b.wanted || a.id.localeCompare(b.id));
  let free = Number.NEGATIVE_INFINITY;
  for (const item of sorted) {
    const x = Math.max(item.wanted - item.width / 2, free);
    placed.set(item.id, x);
    free = x + item.width + gap.x;
  }
  return placed;
}

const mean = (values: number[]): number | undefined =>
  values.length ? values.reduce((sum, v) => sum + v, 0) / values.length : undefined;

const isNetwork = (thing: Thing): thing is Extract<Thing, { kind: 'network' }> => thing.kind === 'network';

/** inOrder lists networks so that those of one router stand together, routers in the order of their names. */
function inOrder(networks: Thing[], routers: Thing[], joins: Join[]): Thing[] {
  const ordered = new Set<Thing>();
  for (const router of routers)
    for (const network of networks)
      if (joins.some((j) => j.from === router.id && j.network === network.id)) ordered.add(network);
  for (const network of networks) ordered.add(network);
  return [...ordered];
}

export function layoutOf(graph: Graph): Layout {
  const things = [...graph.things.values()];
  const external = things.filter((t) => isNetwork(t) && t.external);
  const routers = things.filter((t) => t.kind === 'router');
  const instances = things.filter((t) => t.kind === 'instance');
  const toNetworks = graph.joins.filter((j) => j.kind !== 'gateway');

  const home = new Map<string, string>();
  const guests = new Map<string, string[]>();
  const first = new Map<string, string>();
  const place = new Map(things.map((thing, i) => [thing.id, i]));
  for (const join of toNetworks) {
    const before = place.get(first.get(join.from) ?? '') ?? Number.POSITIVE_INFINITY;
    if (join.kind === 'instance' && (place.get(join.network) ?? 0) < before) first.set(join.from, join.network);
  }
  const loose: string[] = [];
  for (const instance of instances) {
    const network = first.get(instance.id);
    if (network === undefined) {
      loose.push(instance.id);
      continue;
    }
    home.set(instance.id, network);
    guests.set(network, [...(guests.get(network) ?? []), instance.id]);
  }

  // An external network stands on top, unless instances stand beneath it: then it would be in the way of the routers.
  const tops = external.filter((n) => !guests.has(n.id));
  const lower = things.filter((t) => isNetwork(t) && !tops.includes(t));
  const networks = inOrder(lower, routers, graph.joins);
  const used = (id: string) => guests.has(id) || graph.joins.some((j) => j.network === id);
  const boxes = new Map<string, Box>();
  const grounds = new Map<string, Box>();
  const routerY = tops.length ? sizes.external.height + gap.layer : 0;
  const networkY = routerY + (routers.length ? sizes.router.height + gap.layer : 0);

  let x = 0;
  for (const network of networks.filter((n) => used(n.id))) {
    const ids = guests.get(network.id) ?? [];
    const width = Math.max(sizes.network.width, gridWidth(ids.length));
    boxes.set(network.id, { x: x + (width - sizes.network.width) / 2, y: networkY, ...sizes.network });
    const gridY = networkY + sizes.network.height + gap.stack;
    grid(boxes, ids, x + (width - gridWidth(ids.length)) / 2, gridY);
    if (ids.length > 0) {
      const height = gridY + gridHeight(ids.length) - networkY;
      const [left, top] = [x - gap.ground, networkY - gap.ground];
      grounds.set(network.id, { x: left, y: top, width: width + 2 * gap.ground, height: height + 2 * gap.ground });
    }
    x += width + gap.x;
  }
  const idle = networks.filter((n) => !used(n.id));
  idle.forEach((network, i) => {
    const column = Math.floor(i / stackHeight);
    const y = networkY + (i % stackHeight) * (sizes.network.height + gap.stack);
    boxes.set(network.id, { x: x + column * (sizes.network.width + gap.x), y, ...sizes.network });
  });
  x += Math.ceil(idle.length / stackHeight) * (sizes.network.width + gap.x);
  grid(boxes, loose, x, networkY);
  x += loose.length ? gridWidth(loose.length) + gap.x : 0;

  layer(boxes, routers, routerY, sizes.router, (id) => ends(boxes, toNetworks, 'from', id), x);
  layer(boxes, tops, 0, sizes.external, (id) => ends(boxes, graph.joins, 'network', id), x);
  return { boxes, grounds, home };
}

const gridWidth = (count: number): number =>
  count ? columnsOf(count) * (sizes.instance.width + gap.cell) - gap.cell : 0;

const gridHeight = (count: number): number =>
  Math.ceil(count / columnsOf(count)) * (sizes.instance.height + gap.cell) - gap.cell;

function grid(boxes: Map<string, Box>, ids: string[], x: number, y: number): void {
  const columns = columnsOf(ids.length);
  const { width, height } = sizes.instance;
  ids.forEach((id, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    boxes.set(id, { x: x + column * (width + gap.cell), y: y + row * (height + gap.cell), width, height });
  });
}

/** ends are the centres of what is at the other end of a thing's joins. */
function ends(boxes: Map<string, Box>, joins: Join[], end: 'from' | 'network', id: string): number[] {
  return joins
    .filter((j) => j[end] === id)
    .flatMap((j) => {
      const box = boxes.get(end === 'from' ? j.network : j.from);
      return box ? [box.x + box.width / 2] : [];
    });
}

/** layer places things above what they are joined to; those that are joined to nothing stand at the end. */
function layer(
  boxes: Map<string, Box>,
  things: Thing[],
  y: number,
  size: { width: number; height: number },
  centres: (id: string) => number[],
  end: number,
): void {
  const items = things.map((t, i) => ({
    id: t.id,
    width: size.width,
    wanted: mean(centres(t.id)) ?? end + size.width / 2 + i * (size.width + gap.x),
  }));
  // Nothing joined at all: from the left, not far off at the right of networks that have nothing to do with them.
  const alone = things.every((t) => centres(t.id).length === 0);
  const placed = spread(
    alone ? items.map((it, i) => ({ ...it, wanted: size.width / 2 + i * (size.width + gap.x) })) : items,
  );
  for (const [id, x] of placed) boxes.set(id, { x, y, ...size });
}
