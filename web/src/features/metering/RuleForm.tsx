import { useEffect } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { MeteringLabel } from '~/api/metering';
import { create } from '~/api/networkWrite';
import { FormModal } from '~/ui/FormModal';
import { CheckField, RadioField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { all, type Rule } from '~/ui/rules';
import { useRecheck } from '~/ui/useRecheck';
import { endRule, newRule, type RuleValues, ruleFields } from './ruleForm';

/** The dialog for a new rule of a label. */
export function RuleForm({ label, onClose }: { label: MeteringLabel; onClose(): void }) {
  const { t } = useTranslation('metering');
  const form = useForm<RuleValues>({ mode: 'onChange', defaultValues: newRule });
  const [source, destination] = form.watch(['source', 'destination']);
  const one: Rule = (value) => (value.trim() || destination.trim() ? undefined : t('oneEnd'));
  useRecheck(form, ['source'], [destination]);
  useRecheck(form, ['destination'], [source]);
  const given = destination !== '';
  useEffect(() => {
    // Nothing is wanted of the one end any more when the other is given.
    if (given && !form.getValues('source')) form.clearErrors('source');
  }, [given, form]);
  return (
    <FormModal
      title={t('addRuleTitle', { name: nameOf(label) })}
      submitLabel={t('addRule')}
      form={form}
      onSubmit={(v) => create('metering_label_rule', ruleFields(label.id, v))}
      onClose={onClose}
    >
      <RadioField
        control={form.control}
        name="direction"
        label={t('direction')}
        options={(['ingress', 'egress'] as const).map((value) => ({ value, label: t(`directions.${value}`) }))}
      />
      <TextField
        control={form.control}
        name="source"
        label={t('source')}
        hint={t('endHint')}
        optional
        rule={all(one, endRule(destination))}
      />
      <TextField
        control={form.control}
        name="destination"
        label={t('destination')}
        hint={t('endHint')}
        optional
        rule={endRule(source)}
      />
      <CheckField control={form.control} name="excluded" label={t('excluded')} description={t('excludedText')} />
    </FormModal>
  );
}
