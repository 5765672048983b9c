import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { GenerateDialog } from '~/features/keypairs/GenerateDialog';
import { ImportForm } from '~/features/keypairs/ImportForm';
import { Loaded } from '~/ui/Loaded';
import type { StepProps } from './step';

export function KeyStep({ values, data, problem, set }: StepProps) {
  const { t } = useTranslation('instances');
  const [dialog, setDialog] = useState<'generate' | 'import'>();
  const close = () => setDialog(undefined);
  const none = { value: '', label: t('common:none') };
  return (
    <Container>
      <Loaded query={data.keys}>
        {(keys) => {
          const options = [
            none,
            ...keys.map((k) => ({ value: k.name, label: k.name, description: k.fingerprint, tags: [k.type] })),
          ];
          return (
            <SpaceBetween size="m">
              <FormField label={t('keyPair')} description={t('launch.keyText')} errorText={problem('key')}>
                <Select
                  selectedOption={options.find((o) => o.value === values.key) ?? { value: values.key }}
                  options={options}
                  onChange={({ detail }) => set('key', detail.selectedOption.value ?? '')}
                  filteringType={options.length > 8 ? 'auto' : 'none'}
                  data-testid="key"
                />
              </FormField>
              <SpaceBetween direction="horizontal" size="xs">
                <Button onClick={() => setDialog('generate')} data-testid="generate-key">
                  {t('launch.generateKey')}
                </Button>
                <Button onClick={() => setDialog('import')} data-testid="import-key">
                  {t('launch.importKey')}
                </Button>
              </SpaceBetween>
              {!values.key && <Alert type="info">{t('launch.noKey')}</Alert>}
              <Box color="text-body-secondary">{t('launch.keyOwner')}</Box>
            </SpaceBetween>
          );
        }}
      </Loaded>
      {dialog === 'generate' && <GenerateDialog onClose={close} onMade={(name) => set('key', name)} />}
      {dialog === 'import' && <ImportForm onClose={close} onMade={(name) => set('key', name)} />}
    </Container>
  );
}
