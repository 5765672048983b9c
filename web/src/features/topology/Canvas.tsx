import '@xyflow/react/dist/style.css';
import './topology.css';
import {
  Background,
  ConnectionMode,
  Controls,
  type FinalConnectionState,
  MiniMap,
  Panel,
  ReactFlow,
  ReactFlowProvider,
  useConnection,
  useReactFlow,
} from '@xyflow/react';
import { type DragEvent, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { themeStore } from '~/app/theme';
import { connectionOf } from './connect';
import { edgesOf, type JoinEdge, nodesOf, type ThingNode } from './flow';
import type { Graph } from './graph';
import { layoutOf } from './layout';
import { Ground, ThingBox } from './nodes';
import { type Creatable, draggedKind } from './Palette';
import { toneOf } from './tone';
import type { Connections } from './useConnections';
import { useLabels } from './useLabels';

interface Props {
  graph: Graph;
  connections: Connections;
  /** Id of the thing or join that is shown beside the graph, '' for none. */
  selected: string;
  select(next: string | ((now: string) => string)): void;
  /** Something of the palette was dropped; on: the thing that it was dropped on. */
  onDrop(kind: Creatable, on: string): void;
}

const nodeTypes = { thing: ThingBox, ground: Ground };
/** From so many things on, a map helps to find one's way. */
const many = 30;

export default function Canvas(props: Props) {
  return (
    <ReactFlowProvider>
      <Flow {...props} />
    </ReactFlowProvider>
  );
}

function Flow({ graph, connections, selected, select, onDrop }: Props) {
  const { t } = useTranslation('topology');
  const labels = useLabels(graph);
  const mode = useSyncExternalStore(themeStore.subscribe, themeStore.get);
  const [connecting, setConnecting] = useState(false);
  const layout = useMemo(() => layoutOf(graph), [graph]);
  const nodes = useMemo(() => nodesOf(graph, layout, selected, labels), [graph, layout, selected, labels]);
  const edges = useMemo(() => edgesOf(graph, layout, selected, labels), [graph, layout, selected, labels]);
  const moved = useFit([...graph.things.keys()].join(' '));
  type Change = { type: string; id?: string; selected?: boolean };
  const follow = (changes: Change[]) => {
    const chosen = changes.find((c) => c.type === 'select' && c.selected)?.id;
    const left = changes.filter((c) => c.type === 'select' && !c.selected).map((c) => c.id);
    if (chosen) select(chosen);
    else if (left.length > 0) select((now) => (left.includes(now) ? '' : now));
  };
  const dropped = async (edge: JoinEdge, state: FinalConnectionState) => {
    setConnecting(false);
    if (!state.toNode && edge.data) await connections.disconnect(edge.data.join);
  };
  return (
    <ReactFlow
      className={connecting ? 'topology-connecting' : undefined}
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
      colorMode={mode}
      connectionMode={ConnectionMode.Loose}
      connectionRadius={30}
      nodesDraggable={false}
      onlyRenderVisibleElements
      minZoom={0.08}
      maxZoom={2}
      fitView
      fitViewOptions={{ maxZoom: 1, padding: 0.1 }}
      multiSelectionKeyCode={null}
      selectionKeyCode={null}
      deleteKeyCode={['Delete', 'Backspace']}
      reconnectRadius={16}
      aria-label={t('graph')}
      ariaLabelConfig={{
        'node.a11yDescription.default': t('nodeHint'),
        'node.a11yDescription.keyboardDisabled': t('nodeHint'),
        'edge.a11yDescription.default': t('edgeHint'),
        'controls.ariaLabel': t('controls'),
        'controls.zoomIn.ariaLabel': t('zoomIn'),
        'controls.zoomOut.ariaLabel': t('zoomOut'),
        'controls.fitView.ariaLabel': t('fit'),
        'minimap.ariaLabel': t('miniMap'),
        'handle.ariaLabel': t('handle'),
      }}
      proOptions={{ hideAttribution: true }}
      onNodesChange={follow}
      onEdgesChange={follow}
      onPaneClick={() => select('')}
      onMoveStart={(event) => {
        if (event) moved.current = true;
      }}
      isValidConnection={({ source, target }) => connectionOf(graph, source, target).do !== 'refuse'}
      onConnectStart={() => setConnecting(true)}
      onConnectEnd={() => setConnecting(false)}
      onConnect={({ source, target }) => void connections.connect(source, target)}
      onReconnectStart={() => setConnecting(true)}
      onReconnect={async (edge: JoinEdge, { source, target }) => {
        if (!edge.data) return;
        const { join } = edge.data;
        // The gateway of a router is replaced; an interface is taken away first.
        if (join.kind === 'gateway' && connectionOf(graph, source, target).do === 'gateway' && source === join.from)
          await connections.connect(source, target);
        else if (await connections.disconnect(join)) await connections.connect(source, target);
      }}
      onReconnectEnd={(_, edge: JoinEdge, _end, state) => void dropped(edge, state)}
      onBeforeDelete={async ({ edges: [edge] }) => {
        const join = edge && (edge as JoinEdge).data?.join;
        if (join) void connections.disconnect(join);
        return false; // it leaves the graph when the cloud says that it is gone
      }}
      onDragOver={(event: DragEvent) => {
        if (!draggedKind(event)) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = 'copy';
      }}
      onDrop={(event: DragEvent) => {
        const kind = draggedKind(event);
        if (!kind) return;
        event.preventDefault();
        const node = (event.target as Element).closest('.react-flow__node');
        onDrop(kind, node?.getAttribute('data-id') ?? '');
      }}
    >
      <Background />
      <Controls
        showInteractive={false}
        onFitView={() => {
          moved.current = false;
        }}
      />
      {graph.things.size > many && (
        <MiniMap<ThingNode>
          pannable
          zoomable
          nodeClassName={(node) => (node.type === 'thing' ? `tone-${toneOf(node.data.thing)}` : 'ground')}
        />
      )}
      <Reason graph={graph} />
    </ReactFlow>
  );
}

/** useFit shows everything again when there is more or less of it, until somebody has moved the picture. */
function useFit(ids: string) {
  const moved = useRef(false);
  const { fitView } = useReactFlow();
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is what is there that calls for another view
  useEffect(() => {
    if (moved.current) return;
    const frame = requestAnimationFrame(() => void fitView({ maxZoom: 1, padding: 0.1 }));
    return () => cancelAnimationFrame(frame);
  }, [ids]);
  return moved;
}

/** Reason tells, while a line is drawn, what would come of it. */
function Reason({ graph }: { graph: Graph }) {
  const { t } = useTranslation('topology');
  const { inProgress, from, to } = useConnection((c) => ({
    inProgress: c.inProgress,
    from: c.fromNode?.id,
    to: c.toNode?.id,
  }));
  if (!inProgress || !from) return null;
  const connection = to && to !== from ? connectionOf(graph, from, to) : undefined;
  return (
    <Panel position="top-center">
      <div className={`reason ${connection?.do === 'refuse' ? 'reason-refused' : ''}`} role="status">
        {!connection && t('dragOn')}
        {connection?.do === 'refuse' && t(`refused.${connection.why}`)}
        {connection?.do === 'gateway' && t('willSetGateway')}
        {connection?.do === 'interface' && t('willConnect')}
      </div>
    </Panel>
  );
}
