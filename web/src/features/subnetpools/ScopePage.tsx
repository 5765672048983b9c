import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type AddressScope, type SubnetPool, useAddressScope, useSubnetPools } from '~/api/networkSharing';
import { useSession } from '~/app/useSession';
import { SharingTab } from '~/features/sharing/SharingTab';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { ResourceTable } from '~/ui/ResourceTable';
import { YesNo } from '~/ui/Status';
import { Thing, ThingPage } from '~/ui/ThingPage';
import { useScopeActions } from './useScopeActions';

export default function ScopePage() {
  const { t } = useTranslation('subnetpools');
  const { id = '' } = useParams();
  return (
    <ThingPage list={{ text: t('scopes.title'), href: '/address-scopes' }} query={useAddressScope(id)}>
      {(scope) => <Details scope={scope} />}
    </ThingPage>
  );
}

function Details({ scope }: { scope: AddressScope }) {
  const { t } = useTranslation('subnetpools');
  const navigate = useNavigate();
  const { isAdmin, projectId } = useSession();
  const { actions, dialog } = useScopeActions(() => navigate('/address-scopes'));
  const own = isAdmin || scope.project_id === projectId;
  return (
    <Thing
      thing={scope}
      actions={own ? actions : undefined}
      dialog={dialog}
      facts={[
        { label: t('common:id'), value: <Copyable text={scope.id} /> },
        { label: t('version'), value: `IPv${scope.ip_version}` },
        { label: t('sharedColumn'), value: <YesNo value={scope.shared} /> },
        { label: t('common:project'), value: <Copyable text={scope.project_id} /> },
      ]}
      tabs={[
        { id: 'pools', label: t('title'), content: <PoolsOfScope scope={scope.id} /> },
        ...(own
          ? [{ id: 'sharing', label: t('sharing'), content: <SharingTab kind="address_scope" thing={scope} /> }]
          : []),
      ]}
    />
  );
}

function PoolsOfScope({ scope }: { scope: string }) {
  const { t } = useTranslation('subnetpools');
  const { projectId } = useSession();
  const column = useColumns<SubnetPool>();
  const pools = useSubnetPools(projectId);
  return (
    <ResourceTable
      id="scope-pools"
      title={t('title')}
      query={{ ...pools, data: pools.data?.filter((p) => p.address_scope_id === scope) }}
      columns={[
        column.name('/subnet-pools'),
        column.text('prefixes', t('prefixes'), (p) => p.prefixes.join(', '), { width: 300 }),
      ]}
      empty={{ title: t('scopes.noPools'), text: t('scopes.noPoolsText') }}
    />
  );
}
