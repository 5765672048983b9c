import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Association, type Namespace, useResourceTypes } from '~/api/metadef';
import type { Action } from '~/ui/actions';
import { FormModal } from '~/ui/FormModal';
import { SelectField, TextField } from '~/ui/fields';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { maxLength } from '~/ui/rules';
import { contents } from './contents';
import { associate, dissociate } from './mutations';

type Row = Association & { id: string };

/** The kinds of things that a namespace is for. */
export function TypesTab({ namespace }: { namespace: Namespace }) {
  const { t, i18n } = useTranslation('metadefs');
  const [adding, setAdding] = useState(false);
  const rows = (namespace.resource_type_associations ?? []).map((a): Row => ({ ...a, id: a.name }));
  const words = (type: string) => {
    const key = `types.of.${type.replaceAll('::', '_')}`;
    return i18n.exists(`metadefs:${key}`) ? t(key) : '–';
  };
  const columns: Column<Row>[] = [
    { id: 'name', header: t('types.type'), cell: (a) => a.name, value: (a) => a.name, width: 240 },
    { id: 'what', header: t('types.what'), cell: (a) => words(a.name), value: (a) => words(a.name), width: 200 },
    { id: 'prefix', header: t('types.prefix'), cell: (a) => a.prefix || '–', value: (a) => a.prefix, width: 160 },
  ];
  const actions: Action<Row>[] = [
    {
      id: 'remove',
      text: t('common:remove'),
      question: (items) => ({
        title: t('types.removeTitle', { count: items.length, name: items[0]?.name }),
        body: t('types.removeText'),
      }),
      run: (a) => dissociate(namespace.namespace, a.name),
    },
  ];
  return (
    <>
      <ResourceTable
        id="metadef-types"
        title={t('types.label')}
        query={contents(rows)}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setAdding(true)} data-testid="add-type">
            {t('types.add')}
          </Button>
        }
        empty={{ title: t('types.empty'), text: t('types.emptyText') }}
      />
      {adding && <TypeForm namespace={namespace} words={words} onClose={() => setAdding(false)} />}
    </>
  );
}

interface FormProps {
  namespace: Namespace;
  words(type: string): string;
  onClose(): void;
}

function TypeForm({ namespace, words, onClose }: FormProps) {
  const { t } = useTranslation('metadefs');
  const types = useResourceTypes();
  const there = (namespace.resource_type_associations ?? []).map((a) => a.name);
  const form = useForm({ mode: 'onChange', defaultValues: { type: '', prefix: '' } });
  return (
    <FormModal
      title={t('types.add')}
      submitLabel={t('types.add')}
      form={form}
      onClose={onClose}
      onSubmit={({ type, prefix }) =>
        associate(namespace.namespace, { name: type, ...(prefix.trim() && { prefix: prefix.trim() }) })
      }
    >
      <SelectField
        control={form.control}
        name="type"
        label={t('types.type')}
        status={types.isPending ? 'loading' : 'finished'}
        options={(types.data ?? [])
          .filter((type) => !there.includes(type))
          .map((type) => ({ value: type, label: type, description: words(type) }))}
      />
      <TextField
        control={form.control}
        name="prefix"
        label={t('types.prefix')}
        hint={t('types.prefixHint')}
        rule={maxLength(80)}
        optional
      />
    </FormModal>
  );
}
