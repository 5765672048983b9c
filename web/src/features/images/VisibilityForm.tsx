import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Image } from '~/api/image';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { RadioField } from '~/ui/fields';
import { visibilities } from './access';
import { patchImage } from './mutations';

export function VisibilityForm({ image, onClose }: { image: Image; onClose(): void }) {
  const { t } = useTranslation('images');
  const { isAdmin } = useSession();
  const form = useForm({ mode: 'onChange', defaultValues: { visibility: image.visibility as string } });
  const choices = visibilities(isAdmin);
  return (
    <FormModal
      title={t('visibility.title', { name: image.name || image.id })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ visibility }) => {
        if (visibility !== image.visibility) await patchImage(image, { visibility });
      }}
    >
      <RadioField
        control={form.control}
        name="visibility"
        label={t('visibility.label')}
        options={(choices.includes(image.visibility) ? choices : [...choices, image.visibility]).map((value) => ({
          value,
          label: t(`visibility.${value}`),
          description: t(`visibility.${value}Text`),
        }))}
      />
    </FormModal>
  );
}
