import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useTranslation } from 'react-i18next';
import type { SecurityGroup, SecurityGroupRule } from '~/api/network';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { lets } from './networking';
import type { StepProps } from './step';
import { needsGroups } from './values';

const shownRules = 4;

export function SecurityStep({ values, data, set }: StepProps) {
  const { t } = useTranslation('instances');
  if (!needsGroups(values)) {
    return <Alert type="info">{t(values.networking === 'none' ? 'launch.noNetworking' : 'launch.portsOnly')}</Alert>;
  }
  return (
    <Container>
      <Loaded query={data.groups}>
        {(groups) => {
          const chosen = groups.filter((g) => values.groups.includes(g.id));
          // The API takes the default group where none is named.
          const effective = chosen.length > 0 ? chosen : groups.filter((g) => g.name === 'default');
          const [ssh, ping] = [lets(effective, 'ssh'), lets(effective, 'ping')];
          return (
            <SpaceBetween size="m">
              <Table
                variant="embedded"
                data-testid="choice-groups"
                trackBy="id"
                selectionType="multi"
                items={groups}
                selectedItems={chosen}
                onSelectionChange={({ detail }) =>
                  set(
                    'groups',
                    detail.selectedItems.map((g) => g.id),
                  )
                }
                empty={<Box color="inherit">{t('common:nothingHere')}</Box>}
                ariaLabels={{
                  tableLabel: t('launch.groups'),
                  selectionGroupLabel: t('launch.groups'),
                  allItemsSelectionLabel: () => t('common:selectAll'),
                  itemSelectionLabel: (_, g) => t('common:selectItem', { name: nameOf(g) }),
                }}
                columnDefinitions={[
                  { id: 'name', header: t('common:name'), cell: (g) => nameOf(g), isRowHeader: true, width: 200 },
                  {
                    id: 'description',
                    header: t('common:description'),
                    cell: (g) => g.description || '–',
                    width: 220,
                  },
                  {
                    id: 'rules',
                    header: t('launch.incoming'),
                    cell: (g) => <Incoming group={g} groups={groups} />,
                  },
                ]}
              />
              {chosen.length === 0 && <Alert type="info">{t('launch.defaultGroup')}</Alert>}
              {!ssh && !ping && (
                <Alert type="warning" data-testid="closed">
                  {t('launch.closed')} <Go to="/security-groups">{t('common:nav.items.securityGroups')}</Go>
                </Alert>
              )}
              {ssh && !ping && <Alert type="info">{t('launch.noPing')}</Alert>}
              {!ssh && ping && <Alert type="info">{t('launch.noSSH')}</Alert>}
            </SpaceBetween>
          );
        }}
      </Loaded>
    </Container>
  );
}

/** What a group lets in, in short. */
function Incoming({ group, groups }: { group: SecurityGroup; groups: SecurityGroup[] }) {
  const { t } = useTranslation('instances');
  const rules = group.security_group_rules.filter((r) => r.direction === 'ingress');
  if (rules.length === 0) return <>{t('launch.nothingIn')}</>;
  const line = (r: SecurityGroupRule) => {
    const from = r.remote_group_id
      ? nameOf(groups.find((g) => g.id === r.remote_group_id) ?? { id: r.remote_group_id })
      : (r.remote_ip_prefix ?? (r.ethertype === 'IPv4' ? '0.0.0.0/0' : '::/0'));
    const [min, max] = [r.port_range_min, r.port_range_max];
    const ports = min === null ? '' : max === null || min === max ? ` ${min}` : ` ${min}–${max}`;
    return t('launch.ruleLine', {
      what: `${r.protocol?.toUpperCase() ?? t('launch.anyProtocol')}${ports}`,
      from: r.remote_ip_prefix ? from : `${from} (${r.ethertype})`,
    });
  };
  return (
    <ul className="rule-lines">
      {rules.slice(0, shownRules).map((r) => (
        <li key={r.id}>{line(r)}</li>
      ))}
      {rules.length > shownRules && <li>{t('launch.moreRules', { count: rules.length - shownRules })}</li>}
    </ul>
  );
}
