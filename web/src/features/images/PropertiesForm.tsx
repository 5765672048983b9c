import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Image, propertiesOf } from '~/api/image';
import { FormModal } from '~/ui/FormModal';
import { type Pair, PairsField, pairsChange, pairsOf } from '~/ui/PairsField';
import { patchImage } from './mutations';
import { propertyRule, valueRule } from './rules';

export function PropertiesForm({ image, onClose }: { image: Image; onClose(): void }) {
  const { t } = useTranslation('images');
  const before = propertiesOf(image);
  const form = useForm<{ pairs: Pair[] }>({ mode: 'onChange', defaultValues: { pairs: pairsOf(before) } });
  return (
    <FormModal
      title={t('properties.title', { name: image.name || image.id })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={async ({ pairs }) => {
        const change = pairsChange(before, pairs);
        if (Object.keys(change).length > 0) await patchImage(image, change);
      }}
    >
      <p>{t('properties.text')}</p>
      <PairsField
        control={form.control}
        name="pairs"
        label={t('properties.label')}
        empty={t('properties.empty')}
        addLabel={t('properties.add')}
        keyRule={propertyRule}
        valueRule={valueRule}
      />
    </FormModal>
  );
}
