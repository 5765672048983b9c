import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Namespace } from '~/api/metadef';
import type { Action } from '~/ui/actions';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { lines, maxLength } from '~/ui/rules';
import { contents } from './contents';
import { addTags, deleteTag } from './mutations';
import { linesOf } from './propertyForm';

interface Row {
  id: string;
  name: string;
}

/** The tags that a namespace proposes. */
export function TagsTab({ namespace }: { namespace: Namespace }) {
  const { t } = useTranslation('metadefs');
  const [adding, setAdding] = useState(false);
  const rows = (namespace.tags ?? []).map(({ name }): Row => ({ id: name, name }));
  const columns: Column<Row>[] = [
    { id: 'name', header: t('common:name'), cell: (tag) => tag.name, value: (tag) => tag.name },
  ];
  const actions: Action<Row>[] = [
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      question: (items) => ({
        title: t('tags.deleteTitle', { count: items.length, name: items[0]?.name }),
        body: t('tags.deleteText'),
      }),
      run: (tag) => deleteTag(namespace.namespace, tag.name),
    },
  ];
  return (
    <>
      <ResourceTable
        id="metadef-tags"
        title={t('tags.label')}
        query={contents(rows)}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setAdding(true)} data-testid="add-tags">
            {t('tags.add')}
          </Button>
        }
        empty={{ title: t('tags.empty') }}
      />
      {adding && (
        <TagsForm namespace={namespace.namespace} there={rows.map((r) => r.name)} onClose={() => setAdding(false)} />
      )}
    </>
  );
}

function TagsForm({ namespace, there, onClose }: { namespace: string; there: string[]; onClose(): void }) {
  const { t } = useTranslation('metadefs');
  const form = useForm({ mode: 'onChange', defaultValues: { names: '' } });
  return (
    <FormModal
      title={t('tags.add')}
      submitLabel={t('tags.add')}
      form={form}
      onClose={onClose}
      onSubmit={({ names }) =>
        addTags(
          namespace,
          linesOf(names).filter((name) => !there.includes(name)),
        )
      }
    >
      <TextField
        control={form.control}
        name="names"
        label={t('tags.label')}
        hint={t('tags.hint')}
        rule={lines(maxLength(80))}
        rows={5}
      />
    </FormModal>
  );
}
