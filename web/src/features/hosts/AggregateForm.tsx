import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Aggregate } from '~/api/compute';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';
import { createAggregate, updateAggregate } from './mutations';

export function AggregateForm({ before, onClose }: { before?: Aggregate; onClose(): void }) {
  const { t } = useTranslation('hosts');
  const form = useForm({
    mode: 'onChange',
    defaultValues: { name: before?.name ?? '', zone: before?.availability_zone ?? '' },
  });
  return (
    <FormModal
      title={before ? t('aggregate.editTitle', { name: before.name }) : t('aggregate.create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ name, zone }) => {
        if (before) await updateAggregate(before, name.trim(), zone.trim());
        else await createAggregate(name.trim(), zone.trim());
      }}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={maxLength(255)} autoFocus />
      <TextField
        control={form.control}
        name="zone"
        label={t('zone')}
        description={t('aggregate.zoneText')}
        rule={maxLength(255)}
        optional
      />
    </FormModal>
  );
}
