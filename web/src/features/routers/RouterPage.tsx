import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Router, useNetworks, useRouter } from '~/api/network';
import { useSession } from '~/app/useSession';
import { AgentsTab } from '~/features/networks/AgentsTab';
import { PolicyLink } from '~/features/qos/PolicyLink';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { AdminState, Status, YesNo } from '~/ui/Status';
import { useTab } from '~/ui/useTab';
import { InterfacesTab } from './InterfacesTab';
import { RoutesTab } from './RoutesTab';
import { useRouterActions } from './useRouterActions';

export default function RouterPage() {
  const { t } = useTranslation('routers');
  const { id = '' } = useParams();
  const query = useRouter(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('title'), href: '/routers' },
          { text: query.data ? nameOf(query.data) : id, href: `/routers/${id}` },
        ]}
      />
      <Loaded query={query}>{(router) => <Details router={router} />}</Loaded>
    </>
  );
}

function Details({ router: r }: { router: Router }) {
  const { t } = useTranslation('routers');
  const { isAdmin, projectId } = useSession();
  const navigate = useNavigate();
  const { actions, dialog } = useRouterActions(() => navigate('/routers'));
  const [tab, setTab] = useTab('interfaces');
  const networks = useNetworks(projectId).data ?? [];
  const gateway = r.external_gateway_info;
  return (
    <SpaceBetween size="l">
      <Header variant="h1" description={r.description} actions={<ActionButtons actions={actions} items={[r]} />}>
        {nameOf(r)}
      </Header>
      <Container>
        <KeyValuePairs
          columns={4}
          items={[
            { label: t('common:id'), value: <Copyable text={r.id} /> },
            { label: t('common:statusLabel'), value: <Status value={r.status} /> },
            { label: t('adminState'), value: <AdminState up={r.admin_state_up} /> },
            { label: t('common:project'), value: <Copyable text={r.project_id} /> },
            {
              label: t('gateway.network'),
              value: gateway ? (
                <Go to={`/networks/${gateway.network_id}`}>
                  {networks.find((n) => n.id === gateway.network_id)?.name || gateway.network_id}
                </Go>
              ) : (
                t('common:none')
              ),
            },
            {
              label: t('gateway.address'),
              value: gateway?.external_fixed_ips.length
                ? gateway.external_fixed_ips.map((ip) => <div key={ip.ip_address}>{ip.ip_address}</div>)
                : '–',
            },
            { label: 'SNAT', value: gateway ? <YesNo value={gateway.enable_snat} /> : '–' },
            ...(gateway?.qos_policy_id
              ? [{ label: t('gateway.qos'), value: <PolicyLink id={gateway.qos_policy_id} /> }]
              : []),
            ...(r.distributed === undefined
              ? []
              : [{ label: t('distributed'), value: <YesNo value={r.distributed} /> }]),
            { label: t('zones'), value: r.availability_zones.join(', ') || '–' },
            ...(r.availability_zone_hints?.length
              ? [{ label: t('zoneHints'), value: r.availability_zone_hints.join(', ') }]
              : []),
            { label: t('tags'), value: r.tags.join(', ') || '–' },
            { label: t('common:created'), value: formatTime(r.created_at) },
            { label: t('common:updated'), value: formatTime(r.updated_at) },
          ]}
        />
      </Container>
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={[
          { id: 'interfaces', label: t('interfaces'), content: <InterfacesTab router={r} /> },
          { id: 'routes', label: t('routes'), content: <RoutesTab router={r} /> },
          ...(isAdmin ? [{ id: 'agents', label: t('agents'), content: <AgentsTab kind="l3" id={r.id} /> }] : []),
        ]}
      />
      {dialog}
    </SpaceBetween>
  );
}
