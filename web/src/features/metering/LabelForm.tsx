import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useProjects } from '~/api/identity';
import type { MeteringLabel } from '~/api/metering';
import { create } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { RadioField, SelectField, TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';

/** The dialog for a new metering label. */
export function LabelForm({ onClose, onCreated }: { onClose(): void; onCreated(label: MeteringLabel): void }) {
  const { t } = useTranslation('metering');
  const { projectId } = useSession();
  const projects = useProjects();
  const form = useForm({
    mode: 'onChange',
    defaultValues: { name: '', description: '', of: 'project', project: projectId },
  });
  const of = form.watch('of');
  return (
    <FormModal
      title={t('create')}
      submitLabel={t('common:create')}
      form={form}
      onSubmit={async (v) => {
        const made = await create<MeteringLabel>('metering_label', {
          name: v.name.trim(),
          description: v.description,
          ...(v.of === 'all' ? { shared: true } : { project_id: v.project }),
        });
        onCreated(made);
      }}
      onClose={onClose}
    >
      <TextField control={form.control} name="name" label={t('common:name')} autoFocus rule={maxLength(255)} />
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        optional
        rule={maxLength(1024)}
      />
      <RadioField
        control={form.control}
        name="of"
        label={t('routers')}
        options={[
          { value: 'project', label: t('ofProject') },
          { value: 'all', label: t('ofAll') },
        ]}
      />
      {of === 'project' && (
        <SelectField
          control={form.control}
          name="project"
          label={t('common:project')}
          status={projects.isPending ? 'loading' : 'finished'}
          options={(projects.data ?? []).map((p) => ({ value: p.id, label: p.name }))}
        />
      )}
    </FormModal>
  );
}
