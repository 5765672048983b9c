import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { PairsField, pairsOf, recordOf } from '~/ui/PairsField';
import { maxLength } from '~/ui/rules';
import { lockServer, replaceMetadata, replaceTags, updateServer } from './mutations';
import { descriptionRule, metadataKey, metadataValue, nameRule, parseTags, tagsRule } from './rules';

interface Props {
  server: Server;
  onClose(): void;
}

export function EditForm({ server, onClose }: Props) {
  const { t } = useTranslation('instances');
  const form = useForm({
    mode: 'onChange',
    defaultValues: { name: server.name, description: server.description ?? '' },
  });
  return (
    <FormModal
      title={t('edit.title', { name: server.name })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={(values) => updateServer(server.id, values)}
    >
      <TextField
        control={form.control}
        name="name"
        label={t('common:name')}
        rule={nameRule}
        hint={t('edit.nameHint')}
      />
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        rule={descriptionRule}
        optional
      />
    </FormModal>
  );
}

export function MetadataForm({ server, onClose }: Props) {
  const { t } = useTranslation('instances');
  const form = useForm({ mode: 'onChange', defaultValues: { pairs: pairsOf(server.metadata) } });
  return (
    <FormModal
      title={t('metadata.title', { name: server.name })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={({ pairs }) => replaceMetadata(server.id, recordOf(pairs))}
    >
      <PairsField
        control={form.control}
        name="pairs"
        label={t('metadata.label')}
        empty={t('metadata.none')}
        addLabel={t('metadata.add')}
        keyRule={metadataKey}
        valueRule={metadataValue}
      />
    </FormModal>
  );
}

export function TagsForm({ server, onClose }: Props) {
  const { t } = useTranslation('instances');
  const form = useForm({ mode: 'onChange', defaultValues: { tags: server.tags.join(', ') } });
  return (
    <FormModal
      title={t('tags.title', { name: server.name })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={({ tags }) => replaceTags(server.id, parseTags(tags))}
    >
      <TextField
        control={form.control}
        name="tags"
        label={t('tags.label')}
        hint={t('tags.hint')}
        rule={tagsRule}
        optional
      />
    </FormModal>
  );
}

export function LockForm({ server, onClose }: Props) {
  const { t } = useTranslation('instances');
  const form = useForm({ mode: 'onChange', defaultValues: { reason: '' } });
  return (
    <FormModal
      title={t('lockReason.title', { name: server.name })}
      submitLabel={t('lock')}
      form={form}
      onClose={onClose}
      onSubmit={({ reason }) => lockServer(server.id, reason.trim())}
    >
      <TextField
        control={form.control}
        name="reason"
        label={t('lockReason.label')}
        hint={t('lockReason.hint')}
        rule={maxLength(255)}
      />
    </FormModal>
  );
}
