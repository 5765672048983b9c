import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { notify } from '~/ui/notify';
import { type Rule, say } from '~/ui/rules';
import { ImageFields, noImage } from './ImageFields';
import { createImage, deleteImage, importFrom, type NewImage } from './mutations';

const url: Rule = (value) => {
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  return parsed && /^https?:$/.test(parsed.protocol) ? undefined : say('url');
};

/** The dialog for an image that the cloud fetches from a URL. When the URL is refused, the image goes again. */
export function ImportForm({ onClose }: { onClose(): void }) {
  const { t } = useTranslation('images');
  const form = useForm<NewImage>({ mode: 'onChange', defaultValues: noImage });
  const source = useForm({ mode: 'onChange', defaultValues: { url: '' } });
  const [checked, setChecked] = useState(false);
  const submit = async (v: NewImage) => {
    setChecked(true);
    if (!(await source.trigger())) throw new Error(t('urlMissing'));
    const image = await createImage(v);
    try {
      await importFrom(image.id, source.getValues('url').trim());
    } catch (error) {
      await deleteImage(image.id).catch(() => undefined); // why it was refused is what matters
      throw error;
    }
    notify.success(t('importing', { name: v.name }));
  };
  return (
    <FormModal title={t('importTitle')} submitLabel={t('importUrl')} form={form} onSubmit={submit} onClose={onClose}>
      <TextField
        control={source.control}
        name="url"
        label="URL"
        description={t('urlText')}
        rule={checked ? url : (v) => (v ? url(v) : undefined)}
        placeholder="https://"
        inputMode="url"
        autoFocus
      />
      <ImageFields form={form} />
    </FormModal>
  );
}
