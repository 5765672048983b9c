import Button from '@cloudscape-design/components/button';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { SelectField, TextField } from '~/ui/fields';
import { port, wholeNumber } from '~/ui/rules';
import { AddressField } from './AddressField';
import { useEnds } from './useEnds';
import { type FormValues, formOf, hasPorts, protocols } from './values';

interface Props {
  query: URLSearchParams;
  busy: boolean;
  onRun(values: FormValues): void;
}

/** What is to be traced. */
export function TraceForm({ query, busy, onRun }: Props) {
  const { t } = useTranslation('trace');
  const form = useForm<FormValues>({ mode: 'onChange', defaultValues: formOf(query) });
  const { control, reset } = form;
  // The way back of the browser leads to another trace, and the form follows.
  useEffect(() => reset(formOf(query)), [query, reset]);
  const v = form.watch();
  const ends = useEnds(v.port);
  const submit = form.handleSubmit(onRun);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Container
        header={<Header variant="h2">{t('question')}</Header>}
        footer={
          <Button variant="primary" loading={busy} onClick={() => void submit()} data-testid="run">
            {t('run')}
          </Button>
        }
      >
        <SpaceBetween size="m">
          <ColumnLayout columns={2}>
            <SelectField
              control={control}
              name="port"
              label={t('from')}
              hint={t('fromHint')}
              options={ends.sources}
              status={ends.pending ? 'loading' : 'finished'}
              empty={t('noSources')}
            />
            <AddressField control={control} options={ends.destinations} />
          </ColumnLayout>
          <ColumnLayout columns={3}>
            <SelectField
              control={control}
              name="protocol"
              label={t('protocol')}
              options={protocols.map((value) => ({ value, label: t(`protocols.${value}`) }))}
            />
            {v.protocol === 'other' && (
              <TextField
                control={control}
                name="number"
                label={t('number')}
                hint={t('numberHint')}
                rule={/^\d/.test(v.number) ? wholeNumber(0, 255) : undefined}
              />
            )}
            {hasPorts(v.protocol) && (
              <TextField
                control={control}
                name="destinationPort"
                label={t('destinationPort')}
                inputMode="numeric"
                placeholder="22"
                rule={port}
              />
            )}
            {hasPorts(v.protocol) && (
              <TextField
                control={control}
                name="sourcePort"
                label={t('sourcePort')}
                hint={t('sourcePortHint')}
                optional
                inputMode="numeric"
                rule={port}
              />
            )}
          </ColumnLayout>
        </SpaceBetween>
      </Container>
      <button type="submit" hidden aria-hidden tabIndex={-1} />
    </form>
  );
}
