import type { Control, FieldPathByValue, FieldValues } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useExtensions } from '~/api/network';
import { useQoSPolicies } from '~/api/qos';
import { SelectField } from '~/ui/fields';
import { nameOf } from '~/ui/format';

/** The QoS policy of a network or a port; nothing where the cloud has none. */
export function PolicyField<T extends FieldValues>(props: { control: Control<T>; name: FieldPathByValue<T, string> }) {
  const { t } = useTranslation('qos');
  const announced = useExtensions().data?.includes('qos') ?? false;
  const policies = useQoSPolicies(announced).data ?? [];
  if (!announced) return null;
  return (
    <SelectField
      {...props}
      label={t('policy')}
      description={t('policyText')}
      options={policies.map((p) => ({ value: p.id, label: nameOf(p), description: p.description || undefined }))}
      optional
    />
  );
}
