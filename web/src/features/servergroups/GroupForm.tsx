import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { FormModal } from '~/ui/FormModal';
import { RadioField, TextField } from '~/ui/fields';
import { maxLength, wholeNumber } from '~/ui/rules';
import { createGroup, type Policy, policies } from './mutations';

interface Values {
  name: string;
  policy: Policy;
  perHost: string;
}

export function GroupForm({ onClose }: { onClose(): void }) {
  const { t } = useTranslation('servergroups');
  const form = useForm<Values>({
    mode: 'onChange',
    defaultValues: { name: '', policy: 'anti-affinity', perHost: '' },
  });
  return (
    <FormModal
      title={t('create')}
      submitLabel={t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={({ name, policy, perHost }) => createGroup(name, policy, perHost)}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={maxLength(255)} autoFocus />
      <RadioField
        control={form.control}
        name="policy"
        label={t('policy')}
        options={policies.map((value) => ({
          value,
          label: t(`policies.${value}`),
          description: t(`policyText.${value}`),
        }))}
      />
      {form.watch('policy') === 'anti-affinity' && (
        <TextField
          control={form.control}
          name="perHost"
          label={t('perHost')}
          hint={t('perHostHint')}
          rule={wholeNumber(1, 2_147_483_647)}
          type="number"
          inputMode="numeric"
          optional
        />
      )}
    </FormModal>
  );
}
