import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { changes, limitsOf, maxLimit } from '~/features/identity/quota';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { wholeNumber } from '~/ui/rules';
import { setQuotaClass } from './mutations';
import { useQuotaLabel } from './useQuotaLabel';

/** The dialog for the limits that projects have which have none of their own. */
export function DefaultsForm({ limits, onClose }: { limits: Record<string, number>; onClose(): void }) {
  const { t } = useTranslation(['admin', 'identity']);
  const label = useQuotaLabel();
  const quotas = limitsOf('compute', limits);
  const form = useForm<Record<string, string>>({
    mode: 'onChange',
    defaultValues: Object.fromEntries(quotas.map((q) => [q.resource, String(q.limit)])),
  });
  return (
    <FormModal
      title={t('quotas.editTitle')}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={async (values) => {
        const changed = changes(quotas, values, 'compute');
        if (Object.keys(changed).length > 0) await setQuotaClass(changed);
      }}
    >
      <div>{t('quotas.editText')}</div>
      {quotas.map((q) => (
        <TextField
          key={q.resource}
          control={form.control}
          name={q.resource}
          label={label(q.resource)}
          hint={q.resource === 'ram' ? t('identity:quota.mib') : undefined}
          rule={wholeNumber(-1, maxLimit)}
          inputMode="numeric"
        />
      ))}
    </FormModal>
  );
}
