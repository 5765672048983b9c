import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type User, useDomains, useProjects, useRoles } from '~/api/identity';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { CheckField, MultiField, SelectField, TextField } from '~/ui/fields';
import { notify } from '~/ui/notify';
import { PasswordFields } from '~/ui/PasswordFields';
import { maxLength } from '~/ui/rules';
import { createUser, give, updateUser } from './mutations';
import { useDomainName } from './names';
import { optionsChange, optionsOf, userOptions } from './userOptions';

export function UserForm({ before, onClose }: { before?: User; onClose(): void }) {
  const { t } = useTranslation('identity');
  const { body } = useSession();
  const domains = useDomains();
  const domainName = useDomainName();
  const projects = useProjects();
  const roles = useRoles();
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: before?.name ?? '',
      email: before?.email ?? '',
      description: before?.description ?? '',
      domain: before?.domain_id ?? body.user.domain.id,
      project: before?.default_project_id ?? '',
      role: '',
      enabled: before?.enabled ?? true,
      password: '',
      repeated: '',
      options: optionsOf(before) as string[],
    },
  });
  const project = form.watch('project');
  const self = before?.id === body.user.id;
  return (
    <FormModal
      title={before ? t('user.editTitle', { name: before.name }) : t('user.create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async (values) => {
        const fields = {
          name: values.name.trim(),
          email: values.email,
          description: values.description,
          default_project_id: values.project || null,
        };
        const change = optionsChange(optionsOf(before), values.options);
        const options = Object.keys(change).length > 0 && { options: change };
        if (before) {
          const switched = values.enabled !== before.enabled && { enabled: values.enabled };
          await updateUser(before.id, { ...fields, ...switched, ...options });
          return;
        }
        const { password, enabled } = values;
        const made = await createUser({ ...fields, ...options, domain_id: values.domain, password, enabled });
        if (!values.project || !values.role) return;
        try {
          const actor = { kind: 'user' as const, id: made.id };
          const target = { kind: 'project' as const, id: values.project };
          await give({ actor, target, role: values.role, inherited: false });
        } catch (error) {
          // The user is there: the form must not try to make it again.
          notify.error(t('user.withoutRole', { name: made.name }), error);
        }
      }}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={maxLength(255)} autoFocus />
      {!before && <PasswordFields form={form} />}
      <TextField control={form.control} name="email" label={t('user.email')} inputMode="email" optional />
      <TextField control={form.control} name="description" label={t('common:description')} optional />
      {!before && (
        <SelectField
          control={form.control}
          name="domain"
          label={t('common:domain')}
          options={(domains.data ?? []).map((d) => ({ value: d.id, label: d.name }))}
        />
      )}
      <SelectField
        control={form.control}
        name="project"
        label={t('user.defaultProject')}
        options={(projects.data ?? []).map((p) => ({
          value: p.id,
          label: p.name,
          description: domainName(p.domain_id),
        }))}
        optional
      />
      {!before && project !== '' && (
        <SelectField
          control={form.control}
          name="role"
          label={t('user.role')}
          description={t('user.roleText')}
          options={(roles.data ?? []).map((r) => ({ value: r.id, label: r.name }))}
          optional
        />
      )}
      <MultiField
        control={form.control}
        name="options"
        label={t('user.options')}
        options={userOptions.map((value) => ({ value, label: t(`user.option.${value}`) }))}
        optional
      />
      <CheckField control={form.control} name="enabled" label={t('common:enabled')} disabled={self} />
    </FormModal>
  );
}
