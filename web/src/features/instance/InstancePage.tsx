import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Server, useServer } from '~/api/compute';
import { useSession } from '~/app/useSession';
import { ServerStatus } from '~/features/instances/ServerStatus';
import { useInstanceActions } from '~/features/instances/useInstanceActions';
import { ActionButtons } from '~/ui/ActionButtons';
import type { Action } from '~/ui/actions';
import { nameOf } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { useTab } from '~/ui/useTab';
import { ActionsTab } from './ActionsTab';
import { ConsoleTab } from './console/ConsoleTab';
import { FaultAlert } from './FaultAlert';
import { ImagesTab } from './ImagesTab';
import { InterfacesTab } from './InterfacesTab';
import { LogTab } from './LogTab';
import { MetricsTab } from './metrics/MetricsTab';
import { OverviewTab } from './OverviewTab';
import { StateBanner } from './StateBanner';
import { WayTab } from './way/WayTab';

export default function InstancePage() {
  const { t } = useTranslation(['instance', 'instances']);
  const { id = '' } = useParams();
  const query = useServer(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.instances'), href: '/instances' },
          { text: query.data ? nameOf(query.data) : id, href: `/instances/${id}` },
        ]}
      />
      <Loaded query={query}>{(server) => <Details server={server} />}</Loaded>
    </>
  );
}

/** The actions of the lists; after a deletion there is nothing left to show here. */
function usePageActions() {
  const navigate = useNavigate();
  const { actions, dialog } = useInstanceActions();
  const leaving = (action: Action<Server>): Action<Server> =>
    action.id !== 'delete'
      ? action
      : {
          ...action,
          run: async (server) => {
            await action.run(server);
            navigate('/instances');
          },
        };
  return {
    dialog,
    actions: actions.map((a) => ('actions' in a ? { ...a, actions: a.actions.map(leaving) } : leaving(a))),
  };
}

function Details({ server }: { server: Server }) {
  const { t } = useTranslation('instance');
  const { isAdmin } = useSession();
  const [tab, setTab] = useTab('overview');
  const { actions, dialog } = usePageActions();
  const items = useMemo(() => [server], [server]);
  const tabs = [
    { id: 'overview', label: t('tab.overview'), content: <OverviewTab server={server} /> },
    { id: 'interfaces', label: t('tab.interfaces'), content: <InterfacesTab server={server} /> },
    { id: 'images', label: t('tab.images'), content: <ImagesTab server={server} /> },
    { id: 'way', label: t('tab.way'), content: <WayTab server={server} /> },
    { id: 'actions', label: t('tab.actions'), content: <ActionsTab server={server} /> },
    { id: 'log', label: t('tab.log'), content: <LogTab server={server} /> },
    { id: 'console', label: t('tab.console'), content: <ConsoleTab server={server} /> },
    ...(isAdmin ? [{ id: 'metrics', label: t('tab.metrics'), content: <MetricsTab server={server} /> }] : []),
  ];
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={server.description && server.description !== server.name ? server.description : undefined}
        info={<ServerStatus server={server} />}
        actions={<ActionButtons actions={actions} items={items} />}
      >
        {nameOf(server)}
      </Header>
      <StateBanner server={server} />
      {server.fault && <FaultAlert server={server} fault={server.fault} />}
      <Tabs
        activeTabId={tabs.some((one) => one.id === tab) ? tab : 'overview'}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        ariaLabel={nameOf(server)}
        tabs={tabs}
      />
      {dialog}
    </SpaceBetween>
  );
}
