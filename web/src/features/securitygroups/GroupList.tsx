import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { type SecurityGroup, useNetworkQuotas } from '~/api/network';
import { useUsableSecurityGroups } from '~/api/networkSharing';
import { useSession } from '~/app/useSession';
import { useColumns } from '~/ui/columns';
import { ListPage } from '~/ui/ListPage';
import { QuotaUse } from '~/ui/QuotaUse';
import type { Column } from '~/ui/ResourceTable';
import { GroupForm } from './GroupForm';
import { useGroupActions } from './useGroupActions';

export default function GroupList() {
  const { t } = useTranslation('securitygroups');
  const column = useColumns<SecurityGroup>();
  const { projectId } = useSession();
  const navigate = useNavigate();
  const query = useUsableSecurityGroups(projectId);
  const quotas = useNetworkQuotas(projectId);
  const { actions, dialog } = useGroupActions();
  const count = (g: SecurityGroup, direction: string) =>
    g.security_group_rules.filter((r) => r.direction === direction).length;
  const columns: Column<SecurityGroup>[] = [
    column.name('/security-groups', 220),
    column.description(),
    {
      id: 'ingress',
      header: t('ingressRules'),
      cell: (g) => count(g, 'ingress'),
      value: (g) => count(g, 'ingress'),
      width: 140,
    },
    {
      id: 'egress',
      header: t('egressRules'),
      cell: (g) => count(g, 'egress'),
      value: (g) => count(g, 'egress'),
      width: 140,
    },
    { ...column.flag('shared', t('shared'), (g) => g.shared), visible: false },
    { ...column.flag('stateful', t('stateful'), (g) => g.stateful), visible: false },
    column.tags(),
    column.time('created', t('common:created'), (g) => g.created_at),
    column.id(),
  ];
  return (
    <ListPage
      id="securitygroups"
      path="/security-groups"
      title={t('title')}
      description={<QuotaUse query={quotas} resource="security_group" />}
      query={query}
      columns={columns}
      actions={actions}
      create={{
        text: t('create'),
        // A group that lets nothing in is of little use: its rules come next.
        form: (close) => <GroupForm onClose={close} onCreated={(g) => navigate(`/security-groups/${g.id}`)} />,
      }}
      empty={{ title: t('empty') }}
      dialog={dialog}
    />
  );
}
