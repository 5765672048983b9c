import ColumnLayout from '@cloudscape-design/components/column-layout';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { UseFormReturn } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useKnown } from '~/features/metadefs/known';
import { SelectField, TextField } from '~/ui/fields';
import { PairsField } from '~/ui/PairsField';
import { maxLength, wholeNumber } from '~/ui/rules';
import type { NewImage } from './mutations';
import { propertyKey } from './rules';
import { diskFormats } from './upload/sniff';
import { VisibilityField } from './VisibilityField';

export const noImage: NewImage = {
  name: '',
  format: 'qcow2',
  visibility: 'private',
  minDisk: '',
  minRam: '',
  properties: [],
};

/** What a new image is called, who sees it, and what it needs. */
export function ImageFields({ form, formatHint }: { form: UseFormReturn<NewImage>; formatHint?: string }) {
  const { t } = useTranslation('images');
  const known = useKnown('OS::Glance::Image');
  const { control } = form;
  return (
    <SpaceBetween size="m">
      <TextField control={control} name="name" label={t('common:name')} rule={maxLength(255)} />
      <SelectField
        control={control as never}
        name={'format' as never}
        label={t('format')}
        hint={formatHint ?? t('formatHint')}
        options={diskFormats.map((value) => ({ value, label: t(`formats.${value}`) }))}
      />
      <VisibilityField control={control} name="visibility" />
      <ExpandableSection headerText={t('more')}>
        <SpaceBetween size="m">
          <ColumnLayout columns={2}>
            <TextField
              control={control}
              name="minDisk"
              label={t('minDisk')}
              optional
              rule={wholeNumber(0)}
              inputMode="numeric"
            />
            <TextField
              control={control}
              name="minRam"
              label={t('minRam')}
              optional
              rule={wholeNumber(0)}
              inputMode="numeric"
            />
          </ColumnLayout>
          <PairsField
            control={control}
            name="properties"
            label={t('properties')}
            empty={t('noProperties')}
            addLabel={t('addProperty')}
            keyRule={propertyKey}
            known={known}
          />
        </SpaceBetween>
      </ExpandableSection>
    </SpaceBetween>
  );
}
