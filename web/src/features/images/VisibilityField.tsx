import type { Control, FieldPathByValue, FieldValues } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Image } from '~/api/image';
import { useSession } from '~/app/useSession';
import { RadioField } from '~/ui/fields';

const visibilities: Image['visibility'][] = ['private', 'shared', 'community', 'public'];

interface Props<T extends FieldValues> {
  control: Control<T>;
  name: FieldPathByValue<T, string>;
  /** What the image has now. */
  now?: Image['visibility'];
}

/** Who sees an image. Only administrators make one public, and only they are offered it, unless it is. */
export function VisibilityField<T extends FieldValues>({ control, name, now }: Props<T>) {
  const { t } = useTranslation('images');
  const { isAdmin } = useSession();
  return (
    <RadioField
      control={control}
      name={name}
      label={t('visibility')}
      options={visibilities
        .filter((v) => v !== 'public' || isAdmin || now === 'public')
        .map((value) => ({ value, label: t(`visibilities.${value}`), description: t(`visibilityText.${value}`) }))}
    />
  );
}
