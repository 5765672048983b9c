import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Image } from '~/api/image';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { setTags } from './mutations';
import { tagsOf, tagsRule } from './rules';

export function TagsForm({ image, onClose }: { image: Image; onClose(): void }) {
  const { t } = useTranslation('images');
  const form = useForm({ mode: 'onChange', defaultValues: { tags: image.tags.join(', ') } });
  return (
    <FormModal
      title={t('tags.title', { name: image.name || image.id })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={({ tags }) => setTags(image, tagsOf(tags))}
    >
      <TextField
        control={form.control}
        name="tags"
        label={t('tags.label')}
        hint={t('tags.hint')}
        rule={tagsRule}
        optional
        autoFocus
      />
    </FormModal>
  );
}
