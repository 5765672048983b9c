import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { createRule, dscpMarks, type QoSPolicy, type QoSRule, updateRule, useQoSRuleKinds } from '~/api/qos';
import { FormModal } from '~/ui/FormModal';
import { RadioField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { wholeNumber } from '~/ui/rules';
import { bursts, changedFields, newRule, type RuleValues, ruleFields, valuesOf } from './ruleForm';

interface Props {
  policy: QoSPolicy;
  /** A rule that is there; its kind stays. */
  before?: QoSRule;
  onClose(): void;
}

/** The dialog for a new rule of a policy, or for a change of one. */
export function RuleForm({ policy, before, onClose }: Props) {
  const { t } = useTranslation('qos');
  const form = useForm<RuleValues>({ mode: 'onChange', defaultValues: before ? valuesOf(before) : newRule });
  const kinds = useQoSRuleKinds().data ?? [];
  const kind = form.watch('kind');
  const packets = kind === 'packet_rate_limit';
  return (
    <FormModal
      title={
        before
          ? t('editRuleTitle', { name: t(`kinds.${before.type}`), policy: nameOf(policy) })
          : t('addRuleTitle', { name: nameOf(policy) })
      }
      submitLabel={before ? t('common:save') : t('addRule')}
      form={form}
      onSubmit={(v) =>
        before ? updateRule(policy.id, before, changedFields(v)) : createRule(policy.id, v.kind, ruleFields(v))
      }
      onClose={onClose}
    >
      {!before && (
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
      )}
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
            name="rate"
            label={t(packets ? 'packetRate' : 'bandwidth')}
            hint={t(packets ? 'packetRateHint' : 'bandwidthHint')}
            inputMode="numeric"
            rule={wholeNumber(1, 2 ** 31 - 1)}
          />
        </>
      )}
      {bursts(kind) && (
        <TextField
          control={form.control}
          name="burst"
          label={t('burst')}
          hint={t(packets ? 'packetBurstHint' : 'burstHint')}
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
