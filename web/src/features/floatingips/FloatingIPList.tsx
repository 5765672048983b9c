import Button from '@cloudscape-design/components/button';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import {
  type FloatingIP,
  useExtensions,
  useFloatingIPs,
  useNetworkQuotas,
  useNetworks,
  useRouters,
} from '~/api/network';
import { remove, setTags } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { Device } from '~/features/networks/Device';
import { useServerNames } from '~/features/networks/useServerNames';
import { PolicyLink, usePolicyName } from '~/features/qos/PolicyLink';
import { type Action, opens } from '~/ui/actions';
import { useColumns } from '~/ui/columns';
import { formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { QuotaUse } from '~/ui/QuotaUse';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { Status } from '~/ui/Status';
import { useTags } from '~/ui/useTags';
import { AllocateForm } from './AllocateForm';
import { AssociateDialog } from './AssociateDialog';
import { EditForm } from './EditForm';
import { disassociate } from './mutations';

type Row = FloatingIP & { name: string };

export default function FloatingIPList() {
  const { t } = useTranslation('floatingips');
  const { projectId } = useSession();
  const query = useFloatingIPs(projectId);
  const quotas = useNetworkQuotas(projectId);
  const networks = useNetworks(projectId).data ?? [];
  const routers = useRouters(projectId, true).data ?? [];
  const names = useServerNames();
  const limited = useExtensions().data?.includes('qos-fip') ?? false;
  const policyName = usePolicyName(limited);
  const [dialog, setDialog] = useState<ReactElement | null>(null);
  const column = useColumns();
  const tags = useTags<Row>({ save: (f, all) => setTags('floatingip', f.id, all) });
  const close = () => setDialog(null);
  const associateIt = (f: FloatingIP) => setDialog(<AssociateDialog floatingIP={f} onClose={close} />);
  const networkName = (f: FloatingIP) =>
    networks.find((n) => n.id === f.floating_network_id)?.name || f.floating_network_id;
  const routerName = (f: FloatingIP) => f.router_id && (routers.find((r) => r.id === f.router_id)?.name || f.router_id);
  const columns: Column<Row>[] = [
    { id: 'name', header: t('address'), cell: (f) => f.name, value: (f) => f.name, width: 140 },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (f) => <Status value={f.status} />,
      value: (f) => f.status,
      width: 120,
    },
    {
      id: 'fixed',
      header: t('fixedAddress'),
      cell: (f) => f.fixed_ip_address ?? '–',
      value: (f) => f.fixed_ip_address,
      width: 140,
    },
    {
      id: 'serves',
      header: t('serves'),
      cell: (f) =>
        f.port_id ? (
          <Served floatingIP={f} name={names.get(f.port_details?.device_id ?? '')} />
        ) : (
          <Button
            variant="inline-link"
            ariaLabel={`${t('associate')}: ${f.name}`}
            onClick={() => associateIt(f)}
            data-testid="associate"
          >
            {t('associate')}
          </Button>
        ),
      value: (f) => names.get(f.port_details?.device_id ?? '') ?? f.port_id,
      width: 220,
    },
    {
      id: 'router',
      header: t('router'),
      cell: (f) => (f.router_id ? <Go to={`/routers/${f.router_id}`}>{routerName(f)}</Go> : '–'),
      value: routerName,
      width: 150,
      visible: false,
    },
    { id: 'network', header: t('network'), cell: networkName, value: networkName, width: 140 },
    {
      id: 'description',
      header: t('common:description'),
      cell: (f) => f.description || '–',
      value: (f) => f.description,
    },
    column.tags(),
    ...(limited
      ? [
          {
            id: 'qos',
            header: t('qosPolicy'),
            cell: (f: Row) => <PolicyLink id={f.qos_policy_id} />,
            value: (f: Row) => f.qos_policy_id && policyName(f.qos_policy_id),
            visible: false,
          },
        ]
      : []),
    {
      id: 'created',
      header: t('common:created'),
      cell: (f) => formatTime(f.created_at),
      value: (f) => f.created_at,
      visible: false,
    },
    { id: 'id', header: t('common:id'), cell: (f) => f.id, value: (f) => f.id, visible: false },
  ];
  const addresses = (items: Row[]) => items.map((f) => f.name).join(', ');
  const actions: Action<Row>[] = [
    opens({
      id: 'associate',
      text: t('associate'),
      refused: (f) => (f.port_id ? t('isAssociated') : undefined),
      open: associateIt,
    }),
    {
      id: 'disassociate',
      text: t('disassociate'),
      danger: true,
      refused: (f) => (f.port_id ? undefined : t('isFree')),
      question: (items) => ({
        title: t('disassociateTitle', { count: items.length }),
        body: t('disassociateText', { addresses: addresses(items) }),
      }),
      run: (f) => disassociate(f.id),
    },
    opens({
      id: 'edit',
      text: t('common:edit'),
      open: (f) => setDialog(<EditForm floatingIP={f} onClose={close} />),
    }),
    tags.action,
    {
      id: 'release',
      text: t('release'),
      danger: true,
      question: (items) => ({
        title: t('releaseTitle', { count: items.length }),
        body: (
          <>
            <p>{t('releaseText', { addresses: addresses(items) })}</p>
            {items.some((f) => f.port_id) && <p>{t('releaseServing')}</p>}
          </>
        ),
      }),
      run: (f) => remove('floatingip', f.id),
    },
  ];
  return (
    <>
      <Crumbs trail={[{ text: t('title'), href: '/floating-ips' }]} />
      <ResourceTable
        id="floatingips"
        title={t('title')}
        description={<QuotaUse query={quotas} resource="floatingip" />}
        query={{ ...query, data: query.data?.map((f): Row => ({ ...f, name: f.floating_ip_address })) }}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setDialog(<AllocateForm onClose={close} />)} data-testid="create">
            {t('allocate')}
          </Button>
        }
        empty={{ title: t('empty'), text: t('emptyText') }}
      />
      {dialog ?? tags.dialog}
    </>
  );
}

/** The instance or port that a floating IP leads to. */
function Served({ floatingIP: f, name }: { floatingIP: FloatingIP; name?: string }) {
  const { t } = useTranslation('floatingips');
  if (f.port_details?.device_owner.startsWith('compute:')) return <Device port={f.port_details} name={name} />;
  return (
    <Go to={`/ports/${f.port_id}`}>
      {t('port', { name: nameOf({ name: f.port_details?.name, id: f.port_id ?? '' }) })}
    </Go>
  );
}
