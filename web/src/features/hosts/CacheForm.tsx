import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Aggregate } from '~/api/compute';
import { useImages } from '~/api/image';
import { FormModal } from '~/ui/FormModal';
import { MultiField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { cacheImages } from './mutations';

/** The dialog that has the hosts of an aggregate fetch images before instances need them. */
export function CacheForm({ aggregate, onClose }: { aggregate: Aggregate; onClose(): void }) {
  const { t } = useTranslation('hosts');
  const images = (useImages().data ?? []).filter((i) => i.status === 'active');
  const form = useForm({ mode: 'onChange', defaultValues: { images: [] as string[] } });
  return (
    <FormModal
      title={t('aggregate.cacheTitle', { name: aggregate.name })}
      submitLabel={t('aggregate.cacheSubmit')}
      form={form}
      onClose={onClose}
      onSubmit={async (values) => {
        await cacheImages(String(aggregate.id), values.images);
        notify.success(t('aggregate.cacheDone', { count: values.images.length }));
      }}
    >
      <MultiField
        control={form.control}
        name="images"
        label={t('common:nav.items.images')}
        description={t('aggregate.cacheText')}
        options={images.map((i) => ({ value: i.id, label: nameOf(i), description: i.id }))}
        min={1}
      />
    </FormModal>
  );
}
