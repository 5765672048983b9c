import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Namespace, PropertyType } from '~/api/metadef';
import { type Action, opens } from '~/ui/actions';
import { FormModal } from '~/ui/FormModal';
import { SelectField, TextField } from '~/ui/fields';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { maxLength, wholeNumber } from '~/ui/rules';
import { contents } from './contents';
import { deleteProperty, saveProperty } from './mutations';
import { propertyOf, valuesOf } from './propertyForm';

type Row = PropertyType & { id: string; name: string };

/** The properties that a namespace defines by themselves. */
export function PropertiesTab({ namespace }: { namespace: Namespace }) {
  const { t } = useTranslation('metadefs');
  const [open, setOpen] = useState<{ before?: Row }>();
  const rows = Object.entries(namespace.properties ?? {}).map(([name, p]): Row => ({ ...p, id: name, name }));
  const values = (p: Row) => (p.enum ?? p.items?.enum ?? []).join(', ');
  const initial = (p: Row) => (p.default === undefined ? '' : JSON.stringify(p.default).replace(/^"|"$/g, ''));
  const columns: Column<Row>[] = [
    { id: 'name', header: t('common:name'), cell: (p) => p.name, value: (p) => p.name, width: 170 },
    { id: 'title', header: t('title'), cell: (p) => p.title, value: (p) => p.title, width: 170 },
    {
      id: 'type',
      header: t('type'),
      cell: (p) => t(`typeOf.${p.type}`),
      value: (p) => t(`typeOf.${p.type}`),
      width: 150,
    },
    { id: 'values', header: t('values'), cell: (p) => values(p) || '–', value: values, width: 240 },
    { id: 'initial', header: t('initial'), cell: (p) => initial(p) || '–', value: initial, width: 140 },
    {
      id: 'about',
      header: t('common:description'),
      cell: (p) => p.description || '–',
      value: (p) => p.description,
      width: 280,
    },
  ];
  const actions: Action<Row>[] = [
    opens({ id: 'edit', text: t('common:edit'), open: (before: Row) => setOpen({ before }) }),
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      question: (items) => ({
        title: t('properties.deleteTitle', { count: items.length, name: items[0]?.name }),
        body: t('properties.deleteText'),
      }),
      run: (p) => deleteProperty(namespace.namespace, p.name),
    },
  ];
  return (
    <>
      <ResourceTable
        id="metadef-properties"
        title={t('properties.label')}
        query={contents(rows)}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setOpen({})} data-testid="add-property">
            {t('properties.add')}
          </Button>
        }
        empty={{ title: t('properties.empty') }}
      />
      {open && <PropertyForm namespace={namespace.namespace} before={open.before} onClose={() => setOpen(undefined)} />}
    </>
  );
}

const types = ['string', 'integer', 'number', 'boolean', 'array'] as const;

function PropertyForm({ namespace, before, onClose }: { namespace: string; before?: Row; onClose(): void }) {
  const { t } = useTranslation('metadefs');
  const form = useForm({ mode: 'onChange', defaultValues: valuesOf(before?.name ?? '', before) });
  const { control } = form;
  const type = form.watch('type');
  const numeric = type === 'integer' || type === 'number';
  return (
    <FormModal
      title={before ? t('properties.editTitle', { name: before.name }) : t('properties.add')}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={(v) => {
        const { id: _, name: __, ...known } = before ?? { id: '', name: '' };
        return saveProperty(namespace, before?.name ?? '', propertyOf(v, before && (known as PropertyType)));
      }}
    >
      <TextField
        control={control}
        name="name"
        label={t('common:name')}
        hint={t('properties.nameHint')}
        rule={maxLength(80)}
        autoFocus
      />
      <TextField control={control} name="title" label={t('title')} rule={maxLength(255)} />
      <TextField control={control} name="description" label={t('common:description')} rows={2} optional />
      <SelectField
        control={control as never}
        name={'type' as never}
        label={t('type')}
        options={types.map((value) => ({ value, label: t(`typeOf.${value}`) }))}
      />
      {(type === 'string' || type === 'array') && (
        <TextField control={control} name="values" label={t('values')} hint={t('valuesHint')} rows={4} optional />
      )}
      {numeric && (
        <>
          <TextField
            control={control}
            name="minimum"
            label={t('minimum')}
            rule={type === 'integer' ? wholeNumber(Number.MIN_SAFE_INTEGER) : undefined}
            optional
          />
          <TextField
            control={control}
            name="maximum"
            label={t('maximum')}
            rule={type === 'integer' ? wholeNumber(Number.MIN_SAFE_INTEGER) : undefined}
            optional
          />
        </>
      )}
      {type === 'string' && <TextField control={control} name="pattern" label={t('pattern')} optional />}
      {type === 'boolean' ? (
        <SelectField
          control={control}
          name="initial"
          label={t('initial')}
          options={['true', 'false'].map((value) => ({ value }))}
          optional
        />
      ) : (
        type !== 'array' && <TextField control={control} name="initial" label={t('initial')} optional />
      )}
    </FormModal>
  );
}
