import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Image } from '~/api/image';
import { FormModal } from '~/ui/FormModal';
import { CheckField, SelectField, TextField } from '~/ui/fields';
import { diskFormats } from './access';
import { patchImage } from './mutations';
import { amountRule, nameRule } from './rules';

export function EditForm({ image, onClose }: { image: Image; onClose(): void }) {
  const { t } = useTranslation('images');
  const before = {
    name: image.name ?? '',
    description: String(image.description ?? ''),
    disk_format: image.disk_format ?? '',
    min_disk: String(image.min_disk),
    min_ram: String(image.min_ram),
    os_hidden: image.os_hidden,
  };
  const form = useForm({ mode: 'onChange', defaultValues: before });
  const { control } = form;
  const number = { type: 'number', inputMode: 'numeric' } as const;
  return (
    <FormModal
      title={t('editTitle', { name: image.name || image.id })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={async (v) => {
        const change: Record<string, unknown> = {};
        if (v.name.trim() !== before.name) change.name = v.name.trim();
        if (v.description !== before.description) change.description = v.description || null;
        if (v.disk_format !== before.disk_format) change.disk_format = v.disk_format;
        for (const key of ['min_disk', 'min_ram'] as const) if (v[key] !== before[key]) change[key] = Number(v[key]);
        if (v.os_hidden !== before.os_hidden) change.os_hidden = v.os_hidden;
        if (Object.keys(change).length > 0) await patchImage(image, change);
      }}
    >
      <TextField control={control} name="name" label={t('common:name')} rule={nameRule} autoFocus />
      <TextField control={control} name="description" label={t('common:description')} optional />
      {image.status === 'queued' && (
        <SelectField
          control={control}
          name="disk_format"
          label={t('format.label')}
          options={diskFormats.map((value) => ({ value, label: t(`format.${value}`) }))}
        />
      )}
      <TextField control={control} name="min_disk" label={t('minDiskGiB')} rule={amountRule} {...number} />
      <TextField control={control} name="min_ram" label={t('minRamMiB')} rule={amountRule} {...number} />
      <CheckField control={control} name="os_hidden" label={t('hidden.label')} description={t('hidden.text')} />
    </FormModal>
  );
}
