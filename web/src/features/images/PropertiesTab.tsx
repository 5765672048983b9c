import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { messageOf } from '~/api/error';
import { type Image, propertiesOf } from '~/api/image';
import { notify } from '~/ui/notify';
import { type Pair, PairsField, pairsChange, pairsOf, recordOf } from '~/ui/PairsField';
import { changeImage } from './mutations';
import { propertyName } from './rules';

/** The properties that the owner gave an image: what kind of machine it wants, and whatever else. */
export function PropertiesTab({ image, mine }: { image: Image; mine: boolean }) {
  const { t } = useTranslation('images');
  const before = propertiesOf(image);
  const form = useForm<{ properties: Pair[] }>({ mode: 'onChange', defaultValues: { properties: pairsOf(before) } });
  const [failure, setFailure] = useState('');
  const { isDirty, defaultValues } = form.formState;
  const current = JSON.stringify(before);
  // What the image has by now is shown, unless something is typed: that stays.
  useEffect(() => {
    if (!isDirty) form.reset({ properties: pairsOf(JSON.parse(current)) });
  }, [current, isDirty, form]);
  if (!mine) {
    return (
      <Container>
        {Object.keys(before).length === 0 ? (
          <Box color="text-body-secondary">{t('noProperties')}</Box>
        ) : (
          <KeyValuePairs columns={3} items={Object.entries(before).map(([label, value]) => ({ label, value }))} />
        )}
      </Container>
    );
  }
  const submit = form.handleSubmit(async ({ properties }) => {
    setFailure('');
    try {
      // What others added meanwhile was not seen here, and is not taken away.
      await changeImage(image, pairsChange(recordOf(defaultValues?.properties as Pair[]), properties));
      form.reset({ properties });
      notify.success(t('changed', { name: image.name || image.id }));
    } catch (error) {
      setFailure(messageOf(error));
    }
  });
  return (
    <Container>
      <SpaceBetween size="m">
        {failure && (
          <Alert type="error" header={t('common:failed')}>
            {failure}
          </Alert>
        )}
        <PairsField
          control={form.control}
          name="properties"
          label={t('properties')}
          empty={t('noProperties')}
          addLabel={t('addProperty')}
          keyRule={propertyName}
        />
        <Button
          variant="primary"
          loading={form.formState.isSubmitting}
          onClick={() => void submit()}
          data-testid="save-properties"
        >
          {t('common:save')}
        </Button>
      </SpaceBetween>
    </Container>
  );
}
