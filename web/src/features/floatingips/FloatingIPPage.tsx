import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { useFloatingIP, useNetworks, useRouters } from '~/api/network';
import { useServerNames } from '~/features/networks/useServerNames';
import { PolicyLink } from '~/features/qos/PolicyLink';
import { Copyable } from '~/ui/Copyable';
import { formatTime } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Status } from '~/ui/Status';
import { Thing, ThingPage } from '~/ui/ThingPage';
import { Served } from './Served';
import { type Row, rowOf, useFloatingIPActions } from './useFloatingIPActions';

export default function FloatingIPPage() {
  const { t } = useTranslation('floatingips');
  const { id = '' } = useParams();
  const query = useFloatingIP(id);
  return (
    <ThingPage
      list={{ text: t('title'), href: '/floating-ips' }}
      query={{ ...query, data: query.data && rowOf(query.data) }}
    >
      {(floatingIP) => <Details floatingIP={floatingIP} />}
    </ThingPage>
  );
}

function Details({ floatingIP: f }: { floatingIP: Row }) {
  const { t } = useTranslation('floatingips');
  const navigate = useNavigate();
  const { actions, dialog } = useFloatingIPActions(() => navigate('/floating-ips'));
  const networks = useNetworks(f.project_id, true).data ?? [];
  const routers = useRouters(f.project_id, true).data ?? [];
  const names = useServerNames();
  const named = (all: { id: string; name: string }[], id: string) => all.find((one) => one.id === id)?.name || id;
  return (
    <Thing
      thing={f}
      description={f.description}
      actions={actions}
      dialog={dialog}
      facts={[
        { label: t('common:id'), value: <Copyable text={f.id} /> },
        { label: t('common:statusLabel'), value: <Status value={f.status} /> },
        { label: t('address'), value: <Copyable text={f.floating_ip_address} /> },
        { label: t('fixedAddress'), value: f.fixed_ip_address ? <Copyable text={f.fixed_ip_address} /> : '–' },
        {
          label: t('serves'),
          value: f.port_id ? <Served floatingIP={f} name={names.get(f.port_details?.device_id ?? '')} /> : '–',
        },
        { label: t('mac'), value: f.port_details ? <Copyable text={f.port_details.mac_address} /> : '–' },
        {
          label: t('router'),
          value: f.router_id ? <Go to={`/routers/${f.router_id}`}>{named(routers, f.router_id)}</Go> : '–',
        },
        {
          label: t('network'),
          value: <Go to={`/networks/${f.floating_network_id}`}>{named(networks, f.floating_network_id)}</Go>,
        },
        { label: t('dns'), value: [f.dns_name, f.dns_domain].filter(Boolean).join('.') || '–' },
        ...(f.qos_policy_id ? [{ label: t('qosPolicy'), value: <PolicyLink id={f.qos_policy_id} /> }] : []),
        { label: t('common:project'), value: <Copyable text={f.project_id} /> },
        { label: t('common:tags'), value: f.tags.join(', ') || '–' },
        { label: t('common:created'), value: formatTime(f.created_at) },
        { label: t('common:updated'), value: formatTime(f.updated_at) },
      ]}
    />
  );
}
