import type { Control, FieldPathByValue, FieldValues } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useExtensions } from '~/api/network';
import { useQoSPolicies } from '~/api/qos';
import { SelectField } from '~/ui/fields';
import { nameOf } from '~/ui/format';

/** The extensions by which the cloud says what can have a QoS policy. */
type Extension = 'qos' | 'qos-fip' | 'qos-gateway-ip';

interface Props<T extends FieldValues> {
  control: Control<T>;
  name: FieldPathByValue<T, string>;
  /** Of networks and ports if not given. */
  extension?: Extension;
}

/** The QoS policy of a network, a port, a floating IP or a gateway; nothing where the cloud has none. */
export function PolicyField<T extends FieldValues>({ extension = 'qos', ...props }: Props<T>) {
  const { t } = useTranslation('qos');
  const announced = useExtensions().data?.includes(extension) ?? false;
  const policies = useQoSPolicies(announced).data ?? [];
  if (!announced) return null;
  return (
    <SelectField
      {...props}
      label={t('policy')}
      description={t(extension === 'qos' ? 'policyText' : 'limitsText')}
      options={policies.map((p) => ({ value: p.id, label: nameOf(p), description: p.description || undefined }))}
      optional
    />
  );
}
