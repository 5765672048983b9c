import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Image } from '~/api/image';
import { FormModal } from '~/ui/FormModal';
import { CheckField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { maxLength, wholeNumber } from '~/ui/rules';
import { changeImage } from './mutations';
import { VisibilityField } from './VisibilityField';

interface Values {
  name: string;
  visibility: Image['visibility'];
  minDisk: string;
  minRam: string;
  tags: string;
  protected: boolean;
  hidden: boolean;
}

/** The dialog for what may be changed of an image; its data never change. */
export function EditForm({ image, onClose }: { image: Image; onClose(): void }) {
  const { t } = useTranslation('images');
  const form = useForm<Values>({
    mode: 'onChange',
    defaultValues: {
      name: image.name ?? '',
      visibility: image.visibility,
      minDisk: String(image.min_disk),
      minRam: String(image.min_ram),
      tags: image.tags.join(', '),
      protected: image.protected,
      hidden: image.os_hidden,
    },
  });
  const submit = async (v: Values) => {
    await changeImage(image, {
      name: v.name.trim(),
      visibility: v.visibility,
      min_disk: Number(v.minDisk),
      min_ram: Number(v.minRam),
      tags: [...new Set(v.tags.split(',').map((tag) => tag.trim()))].filter(Boolean),
      protected: v.protected,
      os_hidden: v.hidden,
    });
    notify.success(t('changed', { name: v.name }));
  };
  return (
    <FormModal
      title={t('editTitle', { name: nameOf(image) })}
      submitLabel={t('common:save')}
      form={form}
      onSubmit={submit}
      onClose={onClose}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={maxLength(255)} autoFocus />
      <VisibilityField control={form.control} name="visibility" now={image.visibility} />
      <TextField control={form.control} name="minDisk" label={t('minDisk')} rule={wholeNumber(0)} inputMode="numeric" />
      <TextField control={form.control} name="minRam" label={t('minRam')} rule={wholeNumber(0)} inputMode="numeric" />
      <TextField control={form.control} name="tags" label={t('tags')} hint={t('tagsHint')} optional />
      <CheckField control={form.control} name="protected" label={t('protected')} description={t('protectedText')} />
      <CheckField control={form.control} name="hidden" label={t('hidden')} description={t('hiddenText')} />
    </FormModal>
  );
}
