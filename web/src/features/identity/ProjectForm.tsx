import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Project, useDomains, useProjects } from '~/api/identity';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { CheckField, SelectField, TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';
import { createProject, updateProject } from './mutations';

interface Props {
  before?: Project;
  /** Where a new one will be, if nothing else is chosen. */
  parent?: Project;
  onClose(): void;
}

export function ProjectForm({ before, parent, onClose }: Props) {
  const { t } = useTranslation('identity');
  const { body } = useSession();
  const domains = useDomains();
  const projects = useProjects();
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: before?.name ?? '',
      description: before?.description ?? '',
      domain: (before ?? parent)?.domain_id ?? body.project?.domain.id ?? '',
      parent: parent?.id ?? '',
      enabled: before?.enabled ?? true,
    },
  });
  const domain = form.watch('domain');
  const parents = (projects.data ?? []).filter((p) => p.domain_id === domain && p.enabled);
  return (
    <FormModal
      title={before ? t('project.editTitle', { name: before.name }) : t('project.create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ name, description, enabled, parent: chosen }) => {
        const fields = { name: name.trim(), description, ...(enabled !== before?.enabled && { enabled }) };
        if (before) await updateProject(before.id, fields);
        else {
          const below = parents.some((p) => p.id === chosen);
          await createProject({ ...fields, domain_id: domain, ...(below && { parent_id: chosen }) });
        }
      }}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={maxLength(64)} autoFocus />
      <TextField control={form.control} name="description" label={t('common:description')} optional />
      {!before && (
        <>
          <SelectField
            control={form.control}
            name="domain"
            label={t('common:domain')}
            options={(domains.data ?? []).map((d) => ({ value: d.id, label: d.name }))}
          />
          <SelectField
            control={form.control}
            name="parent"
            label={t('project.parent')}
            description={t('project.parentText')}
            options={parents.map((p) => ({ value: p.id, label: p.name }))}
            optional
          />
        </>
      )}
      <CheckField
        control={form.control}
        name="enabled"
        label={t('common:enabled')}
        description={t('project.enabledText')}
        disabled={before?.id === body.project?.id}
      />
    </FormModal>
  );
}
