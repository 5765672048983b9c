import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useExtensions, useNetworkQuotas, useNetworks } from '~/api/network';
import {
  type RBACPolicy,
  useAddressGroups,
  useAddressScopes,
  useRBACPolicies,
  useSubnetPools,
  useUsableSecurityGroups,
} from '~/api/networkSharing';
import { useQoSPolicies } from '~/api/qos';
import { useSession } from '~/app/useSession';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { ListTable } from '~/ui/ListPage';
import { Crumbs } from '~/ui/Page';
import { QuotaUse } from '~/ui/QuotaUse';
import { ResourceTable } from '~/ui/ResourceTable';
import { useProjectWords } from './useProjectNames';
import { useShareActions } from './useShareActions';
import { useShareColumns } from './useShareColumns';

interface Thing {
  id: string;
  name: string;
  kind: string;
  path: string;
  project_id: string;
  shared: boolean;
}

/** useThings are all things of the project, and those of others that it may use. */
function useThings(project: string): {
  things: Thing[];
  queries: { isPending: boolean; isFetching: boolean; error: Error | null; refetch(): Promise<unknown> }[];
} {
  const networks = useNetworks(project, true);
  const groups = useUsableSecurityGroups(project);
  const pools = useSubnetPools(project);
  const scopes = useAddressScopes(project);
  const addresses = useAddressGroups(project);
  const limits = useExtensions().data?.includes('qos') ?? false;
  const policies = useQoSPolicies(limits);
  const of = (kind: string, path: string, all: Omit<Thing, 'kind' | 'path'>[] = []): Thing[] =>
    all.map(({ id, name, project_id, shared }) => ({ id, name, project_id, shared, kind, path }));
  return {
    things: [
      ...of('network', '/networks', networks.data),
      ...of('security_group', '/security-groups', groups.data),
      ...of('subnetpool', '/subnet-pools', pools.data),
      ...of('address_scope', '/address-scopes', scopes.data),
      ...of('address_group', '/address-groups', addresses.data),
      ...of('qos_policy', '/qos', policies.data),
    ],
    queries: [networks, groups, pools, scopes, addresses, ...(limits ? [policies] : [])],
  };
}

type Row = RBACPolicy & { name: string };

/** What the project shares with others, and what others share with it. */
export default function SharingPage() {
  const { t } = useTranslation('sharing');
  const { projectId } = useSession();
  const policies = useRBACPolicies(projectId);
  const quotas = useNetworkQuotas(projectId);
  const { things, queries } = useThings(projectId);
  const { withWhom, how } = useShareColumns();
  const owner = useProjectWords();
  const title = t('title');
  const kindOf = (p: { kind?: string; object_type?: string }) => t(`kinds.${p.kind ?? p.object_type}`);
  const rows = policies.data?.map((p): Row => {
    const thing = things.find((one) => one.id === p.object_id);
    return { ...p, name: thing ? nameOf(thing) : p.object_id };
  });
  const pathOf = (p: Row) => things.find((one) => one.id === p.object_id)?.path;
  const foreign = things.filter((one) => one.shared && one.project_id !== projectId);
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/sharing' }]} />
      <SpaceBetween size="l">
        <ListTable<Row>
          id="sharing"
          title={t('given')}
          description={<QuotaUse query={quotas} resource="rbac_policy" />}
          query={{ ...policies, data: rows }}
          columns={[
            {
              id: 'name',
              header: t('thing'),
              cell: (p) => {
                const path = pathOf(p);
                return path ? <Go to={`${path}/${p.object_id}?tab=sharing`}>{p.name}</Go> : p.name;
              },
              value: (p) => p.name,
              width: 260,
            },
            { id: 'kind', header: t('kind'), cell: kindOf, value: kindOf, width: 160 },
            withWhom,
            how,
          ]}
          actions={useShareActions<Row>()}
          empty={{ title: t('noneGiven'), text: t('noneGivenText') }}
        />
        <ResourceTable<Thing>
          id="sharing-received"
          title={t('received')}
          query={{
            data: foreign,
            isPending: queries.some((q) => q.isPending),
            isFetching: queries.some((q) => q.isFetching),
            error: queries.find((q) => q.error)?.error ?? null,
            refetch: () => Promise.all(queries.map((q) => q.refetch())),
          }}
          columns={[
            {
              id: 'name',
              header: t('thing'),
              cell: (one) => <Go to={`${one.path}/${one.id}`}>{nameOf(one)}</Go>,
              value: nameOf,
              width: 260,
            },
            { id: 'kind', header: t('kind'), cell: kindOf, value: kindOf, width: 160 },
            {
              id: 'owner',
              header: t('owner'),
              cell: (one) => owner(one.project_id),
              value: (one) => owner(one.project_id),
              width: 320,
            },
          ]}
          empty={{ title: t('noneReceived') }}
        />
      </SpaceBetween>
    </>
  );
}
