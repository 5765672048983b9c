import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { everybody, type RBACPolicy, type Sharable } from '~/api/networkSharing';
import { create } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { RadioField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { useKnownProjects } from './useProjectNames';

interface Props {
  kind: Sharable;
  thing: { id: string; name: string; project_id: string };
  /** Policies that are there already. */
  has: RBACPolicy[];
  onClose(): void;
}

/** A choice that is no project's id. */
const other = 'other';

/** The dialog that lets another project use something. */
export function ShareForm({ kind, thing, has, onClose }: Props) {
  const { t } = useTranslation('sharing');
  const { isAdmin } = useSession();
  const form = useForm({
    mode: 'onChange',
    defaultValues: { action: 'access_as_shared', with: 'project', project: '', id: '' },
  });
  const [action, target, project] = form.watch(['action', 'with', 'project']);
  const taken = new Set(has.filter((p) => p.action === action).map((p) => p.target_tenant));
  const projects = useKnownProjects()
    .filter((p) => p.id !== thing.project_id && !taken.has(p.id))
    .map((p) => ({ value: p.id, label: p.name, description: p.id }));
  return (
    <FormModal
      title={t('shareTitle', { name: nameOf(thing) })}
      submitLabel={t('share')}
      form={form}
      onSubmit={async (v) => {
        const chosen = v.project === other ? v.id.trim() : v.project;
        await create('rbac_policy', {
          object_type: kind,
          object_id: thing.id,
          action: v.action,
          target_tenant: v.with === 'everybody' ? everybody : chosen,
        });
        notify.success(t('shared', { name: nameOf(thing) }));
      }}
      onClose={onClose}
    >
      {kind === 'network' && isAdmin && (
        <RadioField
          control={form.control}
          name="action"
          label={t('for')}
          options={[
            { value: 'access_as_shared', label: t('asShared'), description: t('can.network') },
            { value: 'access_as_external', label: t('asExternal'), description: t('can.external') },
          ]}
        />
      )}
      {isAdmin && (
        <RadioField
          control={form.control}
          name="with"
          label={t('with')}
          options={[
            { value: 'project', label: t('oneProject') },
            { value: 'everybody', label: t('everybody'), description: t('everybodyText') },
          ]}
        />
      )}
      {target === 'project' && (
        <SelectField
          control={form.control}
          name="project"
          label={t('common:project')}
          description={kind === 'network' && isAdmin ? undefined : t(`can.${kind}`)}
          options={[...projects, { value: other, label: t('byId') }]}
        />
      )}
      {target === 'project' && project === other && (
        <TextField control={form.control} name="id" label={t('projectId')} hint={t('projectIdHint')} autoFocus />
      )}
    </FormModal>
  );
}
