import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Subnet, useSubnets } from '~/api/network';
import { type SubnetPool, useAddressScopes, useSubnetPool } from '~/api/networkSharing';
import { useSession } from '~/app/useSession';
import { SharingTab } from '~/features/sharing/SharingTab';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { ListTable } from '~/ui/ListPage';
import { YesNo } from '~/ui/Status';
import { Thing, ThingPage } from '~/ui/ThingPage';
import { OnboardForm } from './OnboardForm';
import { PrefixesTab } from './PrefixesTab';
import { usePoolActions } from './usePoolActions';

export default function PoolPage() {
  const { t } = useTranslation('subnetpools');
  const { id = '' } = useParams();
  return (
    <ThingPage list={{ text: t('title'), href: '/subnet-pools' }} query={useSubnetPool(id)}>
      {(pool) => <Details pool={pool} />}
    </ThingPage>
  );
}

function Details({ pool }: { pool: SubnetPool }) {
  const { t } = useTranslation('subnetpools');
  const navigate = useNavigate();
  const { isAdmin, projectId } = useSession();
  const { actions, dialog } = usePoolActions(() => navigate('/subnet-pools'));
  const scope = useAddressScopes(pool.project_id).data?.find((s) => s.id === pool.address_scope_id);
  const own = isAdmin || pool.project_id === projectId;
  return (
    <Thing
      thing={pool}
      description={pool.description}
      actions={own ? actions : undefined}
      dialog={dialog}
      facts={[
        { label: t('common:id'), value: <Copyable text={pool.id} /> },
        { label: t('version'), value: `IPv${pool.ip_version}` },
        { label: t('usual'), value: `/${pool.default_prefixlen}` },
        { label: t('lengths'), value: `/${pool.min_prefixlen} – /${pool.max_prefixlen}` },
        {
          label: t('scope'),
          value: pool.address_scope_id ? (
            <Go to={`/address-scopes/${pool.address_scope_id}`}>{scope ? nameOf(scope) : pool.address_scope_id}</Go>
          ) : (
            t('common:none')
          ),
        },
        { label: t('quota'), value: pool.default_quota || t('noQuota') },
        { label: t('sharedColumn'), value: <YesNo value={pool.shared} /> },
        { label: t('default'), value: <YesNo value={pool.is_default} /> },
        { label: t('common:project'), value: <Copyable text={pool.project_id} /> },
        { label: t('common:tags'), value: pool.tags.join(', ') || '–' },
        { label: t('common:created'), value: formatTime(pool.created_at) },
        { label: t('common:updated'), value: formatTime(pool.updated_at) },
      ]}
      tabs={[
        { id: 'prefixes', label: t('prefixes'), content: <PrefixesTab pool={pool} own={own} /> },
        { id: 'subnets', label: t('subnets'), content: <SubnetsOfPool pool={pool} own={own} /> },
        ...(own
          ? [
              {
                id: 'sharing',
                label: t('sharing'),
                content: <SharingTab kind="subnetpool" thing={pool} />,
              },
            ]
          : []),
      ]}
    />
  );
}

function SubnetsOfPool({ pool, own }: { pool: SubnetPool; own: boolean }) {
  const { t } = useTranslation('subnetpools');
  const column = useColumns<Subnet>();
  const subnets = useSubnets();
  return (
    <ListTable
      id="pool-subnets"
      title={t('subnets')}
      query={{ ...subnets, data: subnets.data?.filter((s) => s.subnetpool_id === pool.id) }}
      columns={[
        column.name(),
        column.text('cidr', t('range'), (s) => s.cidr),
        {
          id: 'network',
          header: t('network'),
          cell: (s) => <Go to={`/networks/${s.network_id}`}>{s.network_id}</Go>,
          value: (s) => s.network_id,
        },
        column.text('project', t('common:project'), (s) => s.project_id, { visible: false }),
      ]}
      create={
        own
          ? {
              text: t('onboard'),
              testId: 'onboard',
              secondary: true,
              form: (close) => <OnboardForm pool={pool} onClose={close} />,
            }
          : undefined
      }
      empty={{ title: t('noSubnets'), text: t('noSubnetsText') }}
    />
  );
}
