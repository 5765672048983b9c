import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { deleteRule, type QoSPolicy, type QoSRule, useQoSPolicy } from '~/api/qos';
import { useSession } from '~/app/useSession';
import { SharingTab } from '~/features/sharing/SharingTab';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { formatNumber, formatTime } from '~/ui/format';
import { ListTable } from '~/ui/ListPage';
import { YesNo } from '~/ui/Status';
import { Thing, ThingPage } from '~/ui/ThingPage';
import { useEditDelete } from '~/ui/useEditDelete';
import { RuleForm } from './RuleForm';
import { amountOf, burstOf } from './ruleForm';
import { usePolicyActions } from './usePolicyActions';

export default function PolicyPage() {
  const { t } = useTranslation('qos');
  const { id = '' } = useParams();
  return (
    <ThingPage list={{ text: t('common:nav.items.qos'), href: '/qos' }} query={useQoSPolicy(id)}>
      {(policy) => <Details policy={policy} />}
    </ThingPage>
  );
}

function Details({ policy }: { policy: QoSPolicy }) {
  const { t } = useTranslation('qos');
  const navigate = useNavigate();
  const { isAdmin, projectId } = useSession();
  const own = isAdmin || policy.project_id === projectId;
  const { actions, dialog } = usePolicyActions(() => navigate('/qos'));
  return (
    <Thing
      thing={policy}
      description={policy.description}
      actions={isAdmin ? actions : undefined}
      dialog={dialog}
      facts={[
        { label: t('common:id'), value: <Copyable text={policy.id} /> },
        { label: t('common:project'), value: <Copyable text={policy.project_id} /> },
        { label: t('shared'), value: <YesNo value={policy.shared} /> },
        { label: t('default'), value: <YesNo value={policy.is_default} /> },
        { label: t('common:tags'), value: policy.tags.join(', ') || '–' },
        { label: t('common:created'), value: formatTime(policy.created_at) },
        { label: t('common:updated'), value: formatTime(policy.updated_at) },
      ]}
      tabs={[
        { id: 'rules', label: t('rules'), content: <Rules policy={policy} own={isAdmin} /> },
        ...(own
          ? [{ id: 'sharing', label: t('sharing'), content: <SharingTab kind="qos_policy" thing={policy} /> }]
          : []),
      ]}
    />
  );
}

type Row = QoSRule & { name: string };

function Rules({ policy, own }: { policy: QoSPolicy; own: boolean }) {
  const { t } = useTranslation('qos');
  const column = useColumns<Row>();
  const query = useQoSPolicy(policy.id);
  const words = (r: QoSRule) => {
    if (r.type === 'dscp_marking') return String(amountOf(r));
    return r.type === 'packet_rate_limit'
      ? t('packetsPerSecond', { amount: formatNumber(amountOf(r) * 1000) })
      : t('kbps', { amount: formatNumber(amountOf(r)) });
  };
  const burst = (r: QoSRule) => {
    if (!burstOf(r)) return null;
    return r.type === 'packet_rate_limit'
      ? t('packets', { amount: formatNumber(burstOf(r) * 1000) })
      : t('kbit', { amount: formatNumber(burstOf(r)) });
  };
  const { actions, dialog } = useEditDelete<Row>({
    edit: (before, close) => <RuleForm policy={policy} before={before} onClose={close} />,
    question: (items) => ({
      title: t('deleteRuleTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteRuleText'),
    }),
    remove: (r) => deleteRule(policy.id, r),
  });
  return (
    <ListTable
      id="qos-rules"
      title={t('rules')}
      query={{ ...query, data: policy.rules.map((r): Row => ({ ...r, name: t(`kinds.${r.type}`) })) }}
      columns={[
        { ...column.name(), header: t('kind') },
        column.text('direction', t('direction'), (r) => (r.direction ? t(`directions.${r.direction}`) : t('both'))),
        column.text('amount', t('amount'), words),
        column.text('burst', t('burst'), burst),
      ]}
      actions={own ? actions : undefined}
      create={
        own
          ? {
              text: t('addRule'),
              testId: 'add-rule',
              form: (close) => <RuleForm policy={policy} onClose={close} />,
            }
          : undefined
      }
      empty={{ title: t('noRules'), text: t('noRulesText') }}
      dialog={dialog}
    />
  );
}
