import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { type SecurityGroup, useNetworkQuotas, useSecurityGroups } from '~/api/network';
import { useSession } from '~/app/useSession';
import { formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { QuotaUse } from '~/ui/QuotaUse';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { GroupForm } from './GroupForm';
import { useGroupActions } from './useGroupActions';

export default function GroupList() {
  const { t } = useTranslation('securitygroups');
  const { projectId } = useSession();
  const navigate = useNavigate();
  const query = useSecurityGroups(projectId);
  const quotas = useNetworkQuotas(projectId);
  const { actions, dialog } = useGroupActions();
  const [creating, setCreating] = useState(false);
  const count = (g: SecurityGroup, direction: string) =>
    g.security_group_rules.filter((r) => r.direction === direction).length;
  const columns: Column<SecurityGroup>[] = [
    {
      id: 'name',
      header: t('common:name'),
      cell: (g) => <Go to={`/security-groups/${g.id}`}>{nameOf(g)}</Go>,
      value: nameOf,
      width: 220,
    },
    {
      id: 'description',
      header: t('common:description'),
      cell: (g) => g.description || '–',
      value: (g) => g.description,
      width: 320,
    },
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
    { id: 'created', header: t('common:created'), cell: (g) => formatTime(g.created_at), value: (g) => g.created_at },
    { id: 'id', header: t('common:id'), cell: (g) => g.id, value: (g) => g.id, visible: false },
  ];
  return (
    <>
      <Crumbs trail={[{ text: t('title'), href: '/security-groups' }]} />
      <ResourceTable
        id="securitygroups"
        title={t('title')}
        description={<QuotaUse query={quotas} resource="security_group" />}
        query={query}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
            {t('create')}
          </Button>
        }
        empty={{ title: t('empty') }}
      />
      {creating && (
        <GroupForm
          onClose={() => setCreating(false)}
          // A group that lets nothing in is of little use: its rules come next.
          onCreated={(g) => navigate(`/security-groups/${g.id}`)}
        />
      )}
      {dialog}
    </>
  );
}
