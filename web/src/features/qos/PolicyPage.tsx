import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import {
  createRule,
  deleteRule,
  dscpMarks,
  type QoSPolicy,
  type QoSRule,
  useQoSPolicy,
  useQoSRuleKinds,
} from '~/api/qos';
import { useSession } from '~/app/useSession';
import { SharingTab } from '~/features/sharing/SharingTab';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { FormModal } from '~/ui/FormModal';
import { RadioField, SelectField, TextField } from '~/ui/fields';
import { formatNumber, formatTime, nameOf } from '~/ui/format';
import { ListTable } from '~/ui/ListPage';
import { wholeNumber } from '~/ui/rules';
import { YesNo } from '~/ui/Status';
import { Thing, ThingPage } from '~/ui/ThingPage';
import { useEditDelete } from '~/ui/useEditDelete';
import { amountOf, newRule, type RuleValues, ruleFields } from './ruleForm';
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
  const words = (r: QoSRule) =>
    r.type === 'dscp_marking' ? String(amountOf(r)) : t('kbps', { amount: formatNumber(amountOf(r)) });
  const { actions } = useEditDelete<Row>({
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
        column.text('burst', t('burst'), (r) =>
          r.max_burst_kbps ? t('kbit', { amount: formatNumber(r.max_burst_kbps) }) : null,
        ),
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
    />
  );
}

function RuleForm({ policy, onClose }: { policy: QoSPolicy; onClose(): void }) {
  const { t } = useTranslation('qos');
  const form = useForm<RuleValues>({ mode: 'onChange', defaultValues: newRule });
  const kinds = useQoSRuleKinds().data ?? [];
  const kind = form.watch('kind');
  return (
    <FormModal
      title={t('addRuleTitle', { name: nameOf(policy) })}
      submitLabel={t('addRule')}
      form={form}
      onSubmit={(v) => createRule(policy.id, v.kind, ruleFields(v))}
      onClose={onClose}
    >
      <RadioField
        control={form.control}
        name="kind"
        label={t('kind')}
        options={kinds.map((value) => ({
          value,
          label: t(`kinds.${value}`),
          description: t(`kindText.${value}`),
        }))}
      />
      {kind !== 'dscp_marking' && (
        <>
          <RadioField
            control={form.control}
            name="direction"
            label={t('direction')}
            options={['egress', 'ingress'].map((value) => ({ value, label: t(`directions.${value}`) }))}
          />
          <TextField
            control={form.control}
            name="kbps"
            label={t('bandwidth')}
            hint={t('bandwidthHint')}
            inputMode="numeric"
            rule={wholeNumber(1, 2 ** 31 - 1)}
          />
        </>
      )}
      {kind === 'bandwidth_limit' && (
        <TextField
          control={form.control}
          name="burst"
          label={t('burst')}
          hint={t('burstHint')}
          inputMode="numeric"
          optional
          rule={wholeNumber(0, 2 ** 31 - 1)}
        />
      )}
      {kind === 'dscp_marking' && (
        <SelectField
          control={form.control}
          name="mark"
          label="DSCP"
          options={dscpMarks.map((mark) => ({ value: String(mark) }))}
        />
      )}
    </FormModal>
  );
}
