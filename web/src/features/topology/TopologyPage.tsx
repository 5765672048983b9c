import './topology.css';
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useSearchParams } from 'react-router-dom';
import { NetworkForm } from '~/features/networks/NetworkForm';
import { RouterForm } from '~/features/routers/RouterForm';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { ConnectionList } from './ConnectionList';
import type { Graph } from './graph';
import { type Creatable, Palette } from './Palette';
import { Details } from './panel/Details';
import { useConnections } from './useConnections';
import { useTopology } from './useTopology';

const Canvas = lazy(() => import('./Canvas'));

/** The networks of a project and what is on them, as a graph that can be worked with, or as a list. */
export default function TopologyPage() {
  const { t } = useTranslation('topology');
  const [params, setParams] = useSearchParams();
  const view = params.get('view') === 'list' ? 'list' : 'graph';
  const topology = useTopology();
  const navigate = useNavigate();
  const [creating, setCreating] = useState<'network' | 'router'>();
  const create = (kind: Creatable, on = '') => {
    if (kind !== 'instance') {
      setCreating(kind);
      return;
    }
    const network = topology.graph?.things.get(on);
    navigate(network?.kind === 'network' ? `/instances/launch?network=${on}` : '/instances/launch');
  };
  return (
    <SpaceBetween size="m">
      <Crumbs trail={[{ text: t('common:nav.items.topology'), href: '/topology' }]} />
      <Header
        variant="h1"
        description={t('description')}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <SegmentedControl
              label={t('view.label')}
              selectedId={view}
              options={[
                { id: 'graph', text: t('view.graph') },
                { id: 'list', text: t('view.list') },
              ]}
              onChange={({ detail }) =>
                setParams(detail.selectedId === 'list' ? { view: 'list' } : {}, { replace: true })
              }
            />
            <Button
              iconName="refresh"
              ariaLabel={t('common:refresh')}
              loading={topology.isFetching && topology.graph !== undefined}
              onClick={() => void topology.refetch()}
            />
          </SpaceBetween>
        }
      >
        {t('common:nav.items.topology')}
      </Header>
      <Palette onCreate={create} />
      <Loaded
        query={{ data: topology.graph, error: topology.error as Error | null, refetch: topology.refetch as never }}
      >
        {(graph) => <Shown graph={graph} view={view} topology={topology} create={create} />}
      </Loaded>
      {creating === 'network' && <NetworkForm onClose={() => setCreating(undefined)} />}
      {creating === 'router' && <RouterForm onClose={() => setCreating(undefined)} />}
    </SpaceBetween>
  );
}

interface ShownProps {
  graph: Graph;
  view: 'graph' | 'list';
  topology: ReturnType<typeof useTopology>;
  create(kind: Creatable, on?: string): void;
}

function Shown({ graph, view, topology, create }: ShownProps) {
  const { t } = useTranslation('topology');
  const [selected, select] = useState('');
  const connections = useConnections(graph);
  const chosen = graph.things.has(selected) || graph.joins.some((j) => j.id === selected);
  const own = [...graph.things.values()].some((thing) => thing.kind !== 'network' || !thing.external);
  return (
    <>
      {!own && (
        <Alert
          type="info"
          header={t('empty')}
          action={
            <Button onClick={() => create('network')} data-testid="first-network">
              {t('create.network')}
            </Button>
          }
        >
          {t('emptyText')}
        </Alert>
      )}
      <div className={`topology ${view === 'list' && !chosen ? 'topology-wide' : ''}`}>
        {view === 'graph' ? (
          <div className="topology-canvas" data-testid="canvas">
            <Suspense
              fallback={
                <Box textAlign="center" padding="xxl">
                  <Spinner size="large" />
                </Box>
              }
            >
              <Canvas graph={graph} connections={connections} selected={selected} select={select} onDrop={create} />
            </Suspense>
          </div>
        ) : (
          <ConnectionList graph={graph} topology={topology} connections={connections} select={select} />
        )}
        <div data-testid="details" aria-live="polite">
          {chosen ? (
            <Details graph={graph} selected={selected} connections={connections} select={select} />
          ) : (
            <Container header={<Header variant="h2">{t('details')}</Header>}>
              <Box color="text-body-secondary">{t(view === 'graph' ? 'choose' : 'chooseInList')}</Box>
            </Container>
          )}
        </div>
      </div>
      {connections.dialog}
    </>
  );
}
