import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import {
  type SecurityGroup,
  type SecurityGroupRule,
  useNetworkQuotas,
  useSecurityGroup,
  useSecurityGroups,
} from '~/api/network';
import { useAddressGroups } from '~/api/networkSharing';
import { remove } from '~/api/networkWrite';
import { Names } from '~/features/networks/Deletions';
import type { Action } from '~/ui/actions';
import { Go } from '~/ui/Go';
import { QuotaUse } from '~/ui/QuotaUse';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { RulesForm } from './RulesForm';
import { opensAll } from './rules';
import { useRuleWords } from './useRuleWords';

type Row = SecurityGroupRule & { name: string };

export function RulesTab({ group, own = true }: { group: SecurityGroup; own?: boolean }) {
  const { t } = useTranslation('securitygroups');
  const query = useSecurityGroup(group.id);
  const groups = useSecurityGroups(group.project_id).data ?? [];
  const quotas = useNetworkQuotas(group.project_id);
  const addresses = useAddressGroups(group.project_id).data ?? [];
  const words = useRuleWords(groups, addresses);
  const [adding, setAdding] = useState(false);
  const rows = group.security_group_rules
    .map((r): Row => ({ ...r, name: words.line(r) }))
    .sort((a, b) => b.direction.localeCompare(a.direction) || a.created_at.localeCompare(b.created_at));
  const direction = (r: Row) => t(r.direction);
  const columns: Column<Row>[] = [
    { id: 'direction', header: t('direction'), cell: direction, value: direction, width: 120 },
    { id: 'ethertype', header: t('ethertype'), cell: (r) => r.ethertype, value: (r) => r.ethertype, width: 100 },
    { id: 'protocol', header: t('protocol'), cell: words.protocol, value: words.protocol, width: 130 },
    { id: 'ports', header: t('portRange'), cell: words.ports, value: words.ports, width: 170 },
    {
      id: 'remote',
      header: t('remote'),
      cell: (r) => (
        <SpaceBetween direction="horizontal" size="xs">
          {r.remote_group_id ? (
            <Go to={`/security-groups/${r.remote_group_id}`}>{words.remote(r)}</Go>
          ) : r.remote_address_group_id ? (
            <Go to={`/address-groups/${r.remote_address_group_id}`}>{words.remote(r)}</Go>
          ) : (
            words.remote(r)
          )}
          {opensAll(r) && <StatusIndicator type="warning">{t('open')}</StatusIndicator>}
        </SpaceBetween>
      ),
      value: words.remote,
      width: 260,
    },
    {
      id: 'description',
      header: t('common:description'),
      cell: (r) => r.description || '–',
      value: (r) => r.description,
    },
    { id: 'id', header: t('common:id'), cell: (r) => r.id, value: (r) => r.id, visible: false },
  ];
  const actions: Action<Row>[] = [
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      question: (items) => ({
        title: t('deleteRulesTitle', { count: items.length }),
        body: (
          <>
            <p>{t('deleteRulesText')}</p>
            <Names names={items.map((r) => r.name)} />
          </>
        ),
      }),
      run: (r) => remove('security_group_rule', r.id),
    },
  ];
  return (
    <SpaceBetween size="s">
      {rows.some(opensAll) && <Alert type="warning">{t('openWarning')}</Alert>}
      <ResourceTable
        id="rules"
        title={t('rules')}
        description={<QuotaUse query={quotas} resource="security_group_rule" />}
        query={{ ...query, data: rows }}
        columns={columns}
        actions={own ? actions : undefined}
        buttons={
          own && (
            <Button variant="primary" onClick={() => setAdding(true)} data-testid="add-rules">
              {t('addRules')}
            </Button>
          )
        }
        empty={{ title: t('noRules'), text: t('noRulesText') }}
      />
      {adding && <RulesForm group={group} groups={groups} addresses={addresses} onClose={() => setAdding(false)} />}
    </SpaceBetween>
  );
}
