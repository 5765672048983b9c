import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useRef, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { messageOf } from '~/api/error';
import { type Image, propertiesOf } from '~/api/image';
import { useKnown } from '~/features/metadefs/known';
import { notify } from '~/ui/notify';
import { type Pair, PairsField, pairsChange, pairsOf } from '~/ui/PairsField';
import { changeImage } from './mutations';
import { propertyKey } from './rules';

/** changed is a record after a change; null is gone. */
const changed = (record: Record<string, string>, change: Record<string, string | null>): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ ...record, ...change }).filter((entry): entry is [string, string] => entry[1] !== null),
  );

/** The properties that the owner gave an image: what kind of machine it wants, and whatever else. */
export function PropertiesTab({ image, mine }: { image: Image; mine: boolean }) {
  const { t } = useTranslation('images');
  const known = useKnown('OS::Glance::Image');
  const before = propertiesOf(image);
  const form = useForm<{ properties: Pair[] }>({ mode: 'onChange', defaultValues: { properties: pairsOf(before) } });
  const { isDirty } = form.formState;
  const [failure, setFailure] = useState('');
  // What the rows began with: only what was changed of it is sent, and what others do meanwhile stays.
  const begun = useRef(before);
  const begin = (properties: Record<string, string>) => {
    begun.current = properties;
    form.reset({ properties: pairsOf(properties) });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows that nobody has touched follow the image
  useEffect(() => {
    if (!isDirty) begin(before);
  }, [JSON.stringify(before)]);
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
      const change = pairsChange(begun.current, properties);
      await changeImage(image, change);
      begin(changed(before, change));
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
          keyRule={propertyKey}
          known={known}
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
