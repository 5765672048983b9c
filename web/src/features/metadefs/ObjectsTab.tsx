import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { MetadefObject, Namespace, PropertyType } from '~/api/metadef';
import { type Action, opens } from '~/ui/actions';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { maxLength } from '~/ui/rules';
import { contents } from './contents';
import { jsonRule } from './document';
import { deleteObject, saveObject } from './mutations';

type Row = MetadefObject & { id: string };

/** The objects of a namespace: properties that belong together. */
export function ObjectsTab({ namespace }: { namespace: Namespace }) {
  const { t } = useTranslation('metadefs');
  const [open, setOpen] = useState<{ before?: Row }>();
  const rows = (namespace.objects ?? []).map((o): Row => ({ ...o, id: o.name }));
  const names = (o: Row) => Object.keys(o.properties ?? {}).join(', ');
  const columns: Column<Row>[] = [
    { id: 'name', header: t('common:name'), cell: (o) => o.name, value: (o) => o.name, width: 200 },
    { id: 'properties', header: t('properties.label'), cell: (o) => names(o) || '–', value: names, width: 400 },
    {
      id: 'about',
      header: t('common:description'),
      cell: (o) => o.description || '–',
      value: (o) => o.description,
      width: 300,
    },
  ];
  const actions: Action<Row>[] = [
    opens({ id: 'edit', text: t('common:edit'), open: (before: Row) => setOpen({ before }) }),
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      question: (items) => ({
        title: t('objects.deleteTitle', { count: items.length, name: items[0]?.name }),
        body: t('properties.deleteText'),
      }),
      run: (o) => deleteObject(namespace.namespace, o.name),
    },
  ];
  return (
    <>
      <ResourceTable
        id="metadef-objects"
        title={t('objects.label')}
        query={contents(rows)}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setOpen({})} data-testid="add-object">
            {t('objects.add')}
          </Button>
        }
        empty={{ title: t('objects.empty'), text: t('objects.emptyText') }}
      />
      {open && <ObjectForm namespace={namespace.namespace} before={open.before} onClose={() => setOpen(undefined)} />}
    </>
  );
}

const example = { cpu_cores: { title: 'CPU cores', type: 'integer', minimum: 1 } };

function ObjectForm({ namespace, before, onClose }: { namespace: string; before?: Row; onClose(): void }) {
  const { t } = useTranslation('metadefs');
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: before?.name ?? '',
      description: before?.description ?? '',
      properties: JSON.stringify(before?.properties ?? example, null, 2),
    },
  });
  return (
    <FormModal
      title={before ? t('objects.editTitle', { name: before.name }) : t('objects.add')}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={(v) => {
        const properties = JSON.parse(v.properties) as Record<string, PropertyType>;
        return saveObject(namespace, before?.name ?? '', {
          name: v.name.trim(),
          description: v.description.trim(),
          required: (before?.required ?? []).filter((name) => name in properties),
          properties,
        });
      }}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={maxLength(80)} autoFocus />
      <TextField control={form.control} name="description" label={t('common:description')} rows={2} optional />
      <TextField
        control={form.control}
        name="properties"
        label={t('objects.properties')}
        hint={t('objects.propertiesHint')}
        rule={jsonRule}
        rows={12}
      />
    </FormModal>
  );
}
