import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import Container from '@cloudscape-design/components/container';
import Form from '@cloudscape-design/components/form';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useRef, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { messageOf } from '~/api/error';
import { type Image, useImportMethods } from '~/api/image';
import { useSession } from '~/app/useSession';
import { RadioField, SelectField, TextField } from '~/ui/fields';
import { type Pair, PairsField, recordOf } from '~/ui/PairsField';
import { diskFormats, visibilities } from './access';
import { FileField } from './FileField';
import { createImage, importFrom } from './mutations';
import { amountRule, nameRule, propertyRule, urlRule, valueRule } from './rules';
import { nameFrom } from './upload/format';
import { uploads } from './upload/uploads';
import { useGuess } from './upload/useGuess';

const nothing = {
  source: 'file',
  uri: '',
  name: '',
  format: '',
  visibility: 'private',
  minDisk: '0',
  minRam: '0',
  properties: [] as Pair[],
};

/** An image from a file of the user's machine, or from an address that the cloud fetches. */
export function CreateForm() {
  const { t } = useTranslation('images');
  const { isAdmin } = useSession();
  const navigate = useNavigate();
  const canFetch = useImportMethods().data?.includes('web-download') ?? false;
  const form = useForm({ mode: 'onChange', defaultValues: nothing });
  const [file, setFile] = useState<File>();
  const [tried, setTried] = useState(false);
  const [failure, setFailure] = useState('');
  // Where only the import was refused, another try must not make another image.
  const made = useRef<Image>();
  const { control } = form;
  const { source, format } = form.watch();
  const fromFile = source === 'file';
  const guess = useGuess(fromFile ? file : undefined);
  useEffect(() => {
    if (guess) form.setValue('format', guess.format, { shouldValidate: true });
  }, [guess, form]);
  const choose = (chosen: File | undefined) => {
    setFile(chosen);
    if (chosen && !form.getValues('name')) form.setValue('name', nameFrom(chosen.name), { shouldValidate: true });
  };
  const wrongFile = file ? (file.size === 0 ? t('file.empty') : undefined) : t('common:rules.required');
  const unusual = () => {
    if (guess?.packed) return t('file.packed', { packer: guess.packed });
    if (guess && format && guess.format !== format) {
      return t('file.other', { found: t(`format.${guess.format}`), wanted: t(`format.${format}`) });
    }
    return guess?.bootable === false ? t('file.notBootable') : undefined;
  };
  const submit = form.handleSubmit(async (v) => {
    setFailure('');
    if (fromFile && wrongFile) return;
    try {
      made.current ??= await createImage({
        name: v.name.trim(),
        disk_format: v.format,
        visibility: v.visibility as Image['visibility'],
        min_disk: Number(v.minDisk),
        min_ram: Number(v.minRam),
        properties: recordOf(v.properties),
      });
      if (fromFile && file) uploads.begin(made.current, file);
      else await importFrom(made.current.id, v.uri.trim());
    } catch (error) {
      setFailure(messageOf(error));
      return;
    }
    navigate(fromFile ? '/images' : `/images/${made.current.id}?tab=imports`);
  });
  const number = { type: 'number', inputMode: 'numeric' } as const;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        void submit();
      }}
    >
      <Form
        header={<Header variant="h1">{t('create.action')}</Header>}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" formAction="none" onClick={() => navigate('/images')}>
              {t('common:cancel')}
            </Button>
            <Button variant="primary" formAction="submit" loading={form.formState.isSubmitting} data-testid="submit">
              {t(fromFile ? 'create.upload' : 'create.import')}
            </Button>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          {failure && (
            <Alert type="error" header={t('common:failed')}>
              {failure} {made.current && t('create.madeAlready', { name: made.current.name })}
            </Alert>
          )}
          <Container header={<Header variant="h2">{t('create.data')}</Header>}>
            <SpaceBetween size="m">
              {canFetch && (
                <RadioField
                  control={control}
                  name="source"
                  label={t('create.source')}
                  options={[
                    { value: 'file', label: t('create.file'), description: t('create.fileText') },
                    { value: 'url', label: t('create.url'), description: t('create.urlText') },
                  ]}
                />
              )}
              {fromFile ? (
                <FileField file={file} onChange={choose} error={tried ? wrongFile : undefined} warning={unusual()} />
              ) : (
                <TextField
                  control={control}
                  name="uri"
                  label={t('create.uri')}
                  hint={t('create.uriHint')}
                  rule={urlRule}
                  placeholder="https://"
                />
              )}
              <SelectField
                control={control}
                name="format"
                label={t('format.label')}
                hint={guess && guess.format === format ? t('format.guessed') : t('format.hint')}
                options={diskFormats.map((value) => ({ value, label: t(`format.${value}`) }))}
              />
            </SpaceBetween>
          </Container>
          <Container header={<Header variant="h2">{t('create.about')}</Header>}>
            <SpaceBetween size="m">
              <TextField control={control} name="name" label={t('common:name')} rule={nameRule} />
              <RadioField
                control={control}
                name="visibility"
                label={t('visibility.label')}
                options={visibilities(isAdmin).map((value) => ({
                  value,
                  label: t(`visibility.${value}`),
                  description: t(`visibility.${value}Text`),
                }))}
              />
              <ColumnLayout columns={2}>
                <TextField control={control} name="minDisk" label={t('minDiskGiB')} rule={amountRule} {...number} />
                <TextField control={control} name="minRam" label={t('minRamMiB')} rule={amountRule} {...number} />
              </ColumnLayout>
              <PairsField
                control={control}
                name="properties"
                label={t('properties.label')}
                empty={t('properties.empty')}
                addLabel={t('properties.add')}
                keyRule={propertyRule}
                valueRule={valueRule}
              />
            </SpaceBetween>
          </Container>
        </SpaceBetween>
      </Form>
    </form>
  );
}
