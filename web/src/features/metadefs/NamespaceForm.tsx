import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Namespace } from '~/api/metadef';
import { FormModal } from '~/ui/FormModal';
import { CheckField, TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';
import { createNamespace, updateNamespace } from './mutations';

/** The dialog for a new namespace, or for a change of one. Its name stays. */
export function NamespaceForm({ before, onClose }: { before?: Namespace; onClose(): void }) {
  const { t } = useTranslation('metadefs');
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: before?.namespace ?? '',
      display: before?.display_name ?? '',
      description: before?.description ?? '',
      everybody: before?.visibility === 'public',
      protected: before?.protected ?? false,
    },
  });
  return (
    <FormModal
      title={before ? t('editTitle', { name: before.namespace }) : t('create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async (v) => {
        const change = {
          display_name: v.display.trim(),
          description: v.description.trim(),
          visibility: v.everybody ? ('public' as const) : ('private' as const),
          protected: v.protected,
        };
        if (before) await updateNamespace(before.namespace, change);
        else await createNamespace({ namespace: v.name.trim(), ...change });
      }}
    >
      {!before && (
        <TextField
          control={form.control}
          name="name"
          label={t('namespace')}
          hint={t('namespaceHint')}
          rule={maxLength(80)}
          autoFocus
        />
      )}
      <TextField control={form.control} name="display" label={t('displayName')} rule={maxLength(80)} optional />
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        rule={maxLength(500)}
        rows={3}
        optional
      />
      <CheckField control={form.control} name="everybody" label={t('public')} description={t('publicText')} />
      <CheckField control={form.control} name="protected" label={t('protected')} description={t('protectedText')} />
    </FormModal>
  );
}
