import { type Edge, type Node, Position } from '@xyflow/react';
import type { Graph, Join, Thing } from './graph';
import type { Box, Layout } from './layout';

// The graph as React Flow wants it. Sizes and handles are given: nothing has to be measured, so what is not in view need not be
// drawn at all.

export type ThingNode = Node<{ thing: Thing }, 'thing'>;
export type GroundNode = Node<Record<string, never>, 'ground'>;
export type JoinEdge = Edge<{ join: Join }>;

export interface Labels {
  thing(thing: Thing): string;
  join(join: Join): string;
  role: string;
}

const handle = 14;

const handlesOf = ({ width, height }: Box): NonNullable<Node['handles']> => {
  const x = (width - handle) / 2;
  const common = { width: handle, height: handle, type: 'source' as const };
  return [
    { ...common, id: 'up', position: Position.Top, x, y: -handle / 2 },
    { ...common, id: 'down', position: Position.Bottom, x, y: height - handle / 2 },
  ];
};

const sized = ({ x, y, width, height }: Box) => ({
  position: { x, y },
  width,
  height,
  measured: { width, height },
});

export function nodesOf(graph: Graph, layout: Layout, selected: string, labels: Labels): (ThingNode | GroundNode)[] {
  const grounds = [...layout.grounds].map(
    ([id, box]): GroundNode => ({
      id: `ground ${id}`,
      type: 'ground',
      ...sized(box),
      data: {},
      zIndex: -1,
      selectable: false,
      focusable: false,
      deletable: false,
      connectable: false,
      domAttributes: { 'aria-hidden': true },
    }),
  );
  const things = [...graph.things.values()].flatMap((thing): ThingNode[] => {
    const box = layout.boxes.get(thing.id);
    if (!box) return [];
    return [
      {
        id: thing.id,
        type: 'thing',
        ...sized(box),
        handles: handlesOf(box),
        data: { thing },
        selected: thing.id === selected,
        deletable: false,
        ariaRole: 'button',
        ariaLabel: labels.thing(thing),
        domAttributes: { 'aria-roledescription': labels.role },
      },
    ];
  });
  return [...grounds, ...things];
}

export function edgesOf(graph: Graph, layout: Layout, selected: string, labels: Labels): JoinEdge[] {
  return graph.joins
    .filter((j) => j.kind !== 'instance' || layout.home.get(j.from) !== j.network)
    .flatMap((join) => {
      const [from, to] = [layout.boxes.get(join.from), layout.boxes.get(join.network)];
      if (!from || !to) return [];
      const down = from.y < to.y;
      const movable = join.kind !== 'instance';
      return [
        {
          id: join.id,
          source: join.from,
          target: join.network,
          sourceHandle: down ? 'down' : 'up',
          targetHandle: down ? 'up' : 'down',
          data: { join },
          label: movable ? join.addresses.join(', ') : undefined,
          className: `join-${join.kind} ${join.up ? '' : 'join-down'}`,
          selected: join.id === selected,
          reconnectable: movable,
          deletable: movable,
          ariaRole: 'button' as const,
          ariaLabel: labels.join(join),
          interactionWidth: 24,
        },
      ];
    });
}
